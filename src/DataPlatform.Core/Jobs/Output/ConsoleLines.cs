using System.Text;

namespace DataPlatform.Jobs.Output;

/// <summary>Stands in for <see cref="Console.Out"/> or <see cref="Console.Error"/> while a run is on: hands on what steps print, line by line, to be masked and put in order.</summary>
internal sealed class ConsoleLines(Action<string> onLine) : TextWriter
{
    private readonly Lock _gate = new();
    private readonly StringBuilder _line = new();

    public override Encoding Encoding => Encoding.UTF8;

    public override void Write(char value)
    {
        if (value != '\n')
        {
            lock (_gate) _line.Append(value);
            return;
        }

        string line;
        lock (_gate)
        {
            line = _line.ToString().TrimEnd('\r');
            _line.Clear();
        }

        onLine(line);
    }

    public override void Write(string? value)
    {
        foreach (var character in value ?? "") Write(character);
    }

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    /// <summary>Hands on a last line that has no end.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            if (_line.Length == 0) return;
        }

        Write('\n');
    }
}
