using System.Buffers;
using System.Text;

namespace DataPlatform.ObjectStores;

/// <summary>The rule for keys, the same in every store, so that what is written to one can be copied to any other.</summary>
/// <remarks>
/// A key is segments joined by <c>/</c>, at most 1,024 bytes of UTF-8. No segment is empty, <c>.</c> or <c>..</c>; none holds a backslash or
/// a control character. The first segment <c>.dataplatform</c> is kept for the stores' own use. Objects that others stored under names that are
/// not keys, such as the <c>folder/</c> markers of S3 consoles, are not listed.
/// </remarks>
public static class ObjectKey
{
    /// <summary>The first segment that stores keep for themselves.</summary>
    internal const string Reserved = ".dataplatform";

    private const int MaxBytes = 1024;

    /// <summary>Whether the text is a key.</summary>
    public static bool IsValid(string key) => FindFault(key) is null;

    /// <summary>Returns the key, or throws what is wrong with it.</summary>
    /// <exception cref="ObjectStoreException"><see cref="FailureClass.Configuration"/>: it is not a key.</exception>
    public static string Validate(string key) => FindFault(key) is not { } fault
        ? key
        : throw new ObjectStoreException(
            FailureClass.Configuration, $"'{key}' is not a key of an object store: {fault}.", "Write keys like inbox/trips-2026-01-01.csv.");

    /// <summary>The order in which stores list keys: that of their UTF-8 bytes, as S3 has it.</summary>
    public static IComparer<string> Order { get; } = Comparer<string>.Create(CompareAsUtf8);

    // The order of UTF-8 is that of UTF-16 but for characters beyond the first 65,536, which are surrogates there.
    private static int CompareAsUtf8(string a, string b)
    {
        var same = a.AsSpan().CommonPrefixLength(b);
        if (same == a.Length || same == b.Length) return a.Length - b.Length;
        return char.IsSurrogate(a[same]) == char.IsSurrogate(b[same]) ? a[same] - b[same] : char.IsSurrogate(a[same]) ? 1 : -1;
    }

    private static string? FindFault(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        if (key.Length == 0) return "it is empty";
        if (key[0] == '/') return "it begins with '/'";
        if (key[^1] == '/') return "it ends with '/'";
        if (key.Contains('\\')) return @"it holds a '\'";
        for (var rest = key.AsSpan(); !rest.IsEmpty;)
        {
            if (Rune.DecodeFromUtf16(rest, out var rune, out var length) != OperationStatus.Done) return "it holds half of a surrogate pair";
            if (Rune.IsControl(rune)) return "it holds a control character";
            rest = rest[length..];
        }

        foreach (var segment in key.AsSpan().Split('/'))
        {
            if (key[segment] is "") return "it holds '//'";
            if (key[segment] is "." or "..") return $"it holds the segment '{key[segment]}'";
        }

        if (key == Reserved || key.StartsWith(Reserved + "/", StringComparison.Ordinal)) return $"'{Reserved}' is kept for the store's own use";
        return Encoding.UTF8.GetByteCount(key) > MaxBytes ? $"it is longer than {MaxBytes} bytes" : null;
    }
}
