using System.Buffers;
using System.ComponentModel.DataAnnotations;
using System.Text;
using System.Text.RegularExpressions;

namespace DataPlatform.Ingestion;

/// <summary>A constraint on text, looked at as the UTF-8 it is stored as.</summary>
internal abstract class TextRule
{
    public abstract bool Holds(ReadOnlySpan<byte> text);

    /// <summary>What to say of a text that does not keep it, after the text.</summary>
    public abstract string Complain(ReadOnlySpan<byte> text);
}

internal sealed class LengthRule(LengthConstraint constraint) : TextRule
{
    private readonly int _maximum = constraint.Maximum ?? int.MaxValue;

    // No text has more UTF-16 code units than UTF-8 bytes, so most need no counting.
    public override bool Holds(ReadOnlySpan<byte> text)
    {
        if (text.Length < constraint.Minimum) return false;
        if (text.Length <= _maximum && constraint.Minimum <= 1) return true;
        var length = Encoding.UTF8.GetCharCount(text);
        return length >= constraint.Minimum && length <= _maximum;
    }

    public override string Complain(ReadOnlySpan<byte> text) => $"has length {Encoding.UTF8.GetCharCount(text)}, not {constraint}";
}

internal sealed class BytesLengthRule(LengthConstraint constraint) : TextRule
{
    public override bool Holds(ReadOnlySpan<byte> text) => text.Length >= constraint.Minimum && text.Length <= (constraint.Maximum ?? int.MaxValue);

    public override string Complain(ReadOnlySpan<byte> text) => $"has {text.Length} bytes, not {constraint}";
}

internal sealed class PatternRule : TextRule
{
    private readonly PatternConstraint _constraint;
    private readonly Regex _regex;

    public PatternRule(PatternConstraint constraint)
    {
        _constraint = constraint;
        _regex = Create(constraint.Pattern);
    }

    public override bool Holds(ReadOnlySpan<byte> text)
    {
        var rented = ArrayPool<char>.Shared.Rent(text.Length);
        try
        {
            return _regex.IsMatch(rented.AsSpan(0, Encoding.UTF8.GetChars(text, rented)));
        }
        catch (RegexMatchTimeoutException)
        {
            return false;
        }
        finally
        {
            ArrayPool<char>.Shared.Return(rented);
        }
    }

    public override string Complain(ReadOnlySpan<byte> text) => $"does not match {_constraint.Pattern}";

    // Data decides how long a backtracking match takes; one without backtracking is linear. Those that need it get a second.
    private static Regex Create(string pattern)
    {
        var whole = $@"\A(?:{pattern})\z";
        try
        {
            return new Regex(whole, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (NotSupportedException)
        {
            return new Regex(whole, RegexOptions.Compiled | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (RegexParseException exception)
        {
            throw new DataPlatformException(FailureClass.Configuration, $"'{pattern}' is not a regular expression: {exception.Message}", innerException: exception);
        }
    }
}

internal sealed class AllowedTextRule : TextRule
{
    private readonly AllowedValuesConstraint _constraint;
    private readonly HashSet<byte[]>.AlternateLookup<ReadOnlySpan<byte>> _values;

    public AllowedTextRule(AllowedValuesConstraint constraint)
    {
        _constraint = constraint;
        _values = constraint.Values.Select(value => Encoding.UTF8.GetBytes((string)value)).ToHashSet(Utf8Comparer.Instance).GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public override bool Holds(ReadOnlySpan<byte> text) => _values.Contains(text);

    public override string Complain(ReadOnlySpan<byte> text) => $"is not {_constraint}";
}

internal sealed class ValidationTextRule(ValidationAttribute attribute, string column) : TextRule
{
    public override bool Holds(ReadOnlySpan<byte> text) => attribute.IsValid(Encoding.UTF8.GetString(text));

    public override string Complain(ReadOnlySpan<byte> text) => $"is not valid: {attribute.FormatErrorMessage(column)}";
}
