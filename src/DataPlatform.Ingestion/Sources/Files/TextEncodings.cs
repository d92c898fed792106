using System.Text;

namespace DataPlatform.Ingestion;

/// <summary>Finds the encodings that text can be in.</summary>
internal static class TextEncodings
{
    private static readonly (byte[] Mark, string Name)[] ByteOrderMarks =
    [
        ([0xEF, 0xBB, 0xBF], "utf-8"),
        ([0xFF, 0xFE, 0, 0], "utf-32"),
        ([0xFF, 0xFE], "utf-16"),
        ([0xFE, 0xFF], "utf-16BE"),
        ([0, 0, 0xFE, 0xFF], "utf-32BE"),
    ];

    /// <summary>The encoding of a name, as .NET and the IANA have it: <c>windows-1252</c>, <c>iso-8859-15</c>, <c>utf-16</c>, <c>shift_jis</c>.</summary>
    /// <exception cref="DataPlatformException">There is none of that name.</exception>
    public static Encoding Find(string name)
    {
        try
        {
            return CodePagesEncodingProvider.Instance.GetEncoding(name) ?? Encoding.GetEncoding(name);
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"There is no text encoding '{name}'.", "Write it as utf-8, windows-1252, iso-8859-1, utf-16, …", exception);
        }
    }

    /// <summary>The encoding that a byte order mark at the beginning tells, and how long the mark is.</summary>
    public static (string Name, int Length)? FromMark(ReadOnlySpan<byte> head)
    {
        foreach (var (mark, name) in ByteOrderMarks)
        {
            if (head.StartsWith(mark)) return (name, mark.Length);
        }

        return null;
    }
}
