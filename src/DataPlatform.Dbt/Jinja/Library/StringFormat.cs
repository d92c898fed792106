using System.Globalization;
using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Python's <c>"…".format(…)</c>.</summary>
internal static class StringFormat
{
    public static object Format(string format, CallArguments arguments)
    {
        var next = 0;
        return Format(format, arguments, ref next, depth: 0);
    }

    private static string Format(string format, CallArguments arguments, ref int next, int depth)
    {
        if (depth > 1) throw new TemplateError("Max string recursion exceeded");
        var output = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (c is '{' or '}' && i + 1 < format.Length && format[i + 1] == c)
            {
                output.Append(c);
                i++;
                continue;
            }

            if (c == '}') throw new TemplateError("Single '}' encountered in format string");
            if (c != '{')
            {
                output.Append(c);
                continue;
            }

            var end = i + 1;
            for (var open = 1; end < format.Length; end++)
            {
                open += format[end] switch { '{' => 1, '}' => -1, _ => 0 };
                if (open == 0) break;
            }

            if (end >= format.Length) throw new TemplateError(end == i + 1 ? "Single '{' encountered in format string" : "expected '}' before end of string");
            output.Append(Field(format[(i + 1)..end], arguments, ref next, depth));
            JinjaRun.EnsureSize(output.Length);
            i = end;
        }

        return output.ToString();
    }

    private static string Field(string field, CallArguments arguments, ref int next, int depth)
    {
        // A colon or exclamation mark inside of brackets belongs to a key.
        var nameEnd = 0;
        for (var isKey = false; nameEnd < field.Length && (isKey || field[nameEnd] is not (':' or '!')); nameEnd++)
            isKey = field[nameEnd] == '[' || (isKey && field[nameEnd] != ']');
        var name = field[..nameEnd];
        var rest = field[nameEnd..];
        var conversion = '\0';
        if (rest.StartsWith('!'))
        {
            if (rest.Length < 2 || (rest.Length > 2 && rest[2] != ':')) throw new TemplateError("expected ':' after conversion specifier");
            conversion = rest[1];
            rest = rest[2..];
        }

        var value = Find(name, arguments, ref next);
        value = conversion switch
        {
            '\0' => value,
            's' => Representation.Print(value),
            'r' => Representation.Of(value),
            'a' => NumberFormat.Ascii(value),
            _ => throw new TemplateError($"Unknown conversion specifier {conversion}"),
        };
        var spec = rest.Length > 1 ? Format(rest[1..], arguments, ref next, depth + 1) : "";
        return Apply(value, spec);
    }

    private static object? Find(string name, CallArguments arguments, ref int next)
    {
        var end = name.IndexOfAny(['.', '[']);
        if (end < 0) end = name.Length;
        var first = name[..end];
        object? value;
        if (first.Length == 0 || first.All(char.IsAsciiDigit))
        {
            if (first.Length == 0 ? next < 0 : next > 0) throw new TemplateError("cannot switch between automatic field numbering and manual field specification");
            var place = first.Length == 0 ? next++ : int.TryParse(first, CultureInfo.InvariantCulture, out var number) ? number : int.MaxValue;
            if (first.Length > 0) next = -1;
            if (place >= arguments.Positional.Count) throw new TemplateError($"Replacement index {place} out of range for positional args tuple");
            value = arguments.Positional[place];
        }
        else if (!arguments.TryGetNamed(first, out value))
        {
            throw new TemplateError($"The format wants a value for {PythonText.Repr(first)}, and there is none.");
        }

        while (end < name.Length)
        {
            if (name[end] == '.')
            {
                var stop = name.IndexOfAny(['.', '['], end + 1);
                if (stop < 0) stop = name.Length;
                value = Operations.GetAttribute(arguments.Run, value, name[(end + 1)..stop]);
                end = stop;
            }
            else if (name[end] == '[' && name.IndexOf(']', end) is >= 0 and var close)
            {
                var key = name[(end + 1)..close];
                value = Operations.GetItem(arguments.Run, value, key.Length > 0 && key.All(char.IsAsciiDigit) ? long.Parse(key, CultureInfo.InvariantCulture) : key);
                end = close + 1;
            }
            else
            {
                throw new TemplateError($"'{name}' is no name of a field");
            }

            if (value is Undefined undefined) throw undefined.Failure();
        }

        return value;
    }

    /// <summary>Python's <c>format(value, spec)</c>.</summary>
    private static string Apply(object? value, string spec)
    {
        if (spec.Length == 0) return Representation.Print(value);
        var text = Operations.AsText(value);
        if (text is null && !Numbers.IsNumber(value))
            throw (value as Undefined)?.Failure() ?? new TemplateError($"unsupported format string passed to {Operations.TypeName(value)}.__format__");
        var i = 0;
        var (fill, align) = (" ", '\0');
        var fillLength = spec.Length > 1 && char.IsSurrogatePair(spec, 0) ? 2 : 1;
        if (spec.Length > fillLength && spec[fillLength] is '<' or '>' or '=' or '^')
        {
            (fill, align) = (spec[..fillLength], spec[fillLength]);
            i = fillLength + 1;
        }
        else if (spec[0] is '<' or '>' or '=' or '^')
        {
            align = spec[i++];
        }

        var sign = At() is '+' or '-' or ' ' ? spec[i++] : '-';
        var isAlternate = Skip('#');
        if (At() == '0' && align == '\0') (fill, align) = ("0", text is null ? '=' : '<');
        var width = Count();
        var grouping = At() is ',' or '_' ? spec[i++] : '\0';
        var precision = Skip('.') ? char.IsAsciiDigit(At()) ? Count() : throw new TemplateError("Format specifier missing precision") : -1;
        var type = i < spec.Length ? spec[i++] : '\0';
        if (i < spec.Length) throw new TemplateError($"Invalid format specifier '{spec}'");
        if (text is not null)
        {
            if (type is not ('s' or '\0')) throw Unknown();
            if (align == '=' || sign != '-' || isAlternate || grouping != '\0') throw new TemplateError($"'{spec}' is no format of text");
            return Pad(precision >= 0 ? CodePoints.Slice(text, 0, precision) : text, "", align == '\0' ? '<' : align);
        }

        string prefix, digits;
        if (value is not double && type is '\0' or 'd' or 'b' or 'o' or 'x' or 'X' or 'n' && !(value is bool && type == '\0'))
        {
            if (precision >= 0) throw new TemplateError("Precision not allowed in integer format specifier");
            var number = Numbers.AsBig(value)!.Value;
            var style = char.ToLowerInvariant(type);
            digits = NumberFormat.Whole(number, style);
            prefix = Sign(number.Sign < 0) + (isAlternate && style is 'b' or 'o' or 'x' ? $"0{type}" : "");
            if (type == 'X') digits = digits.ToUpperInvariant();
            digits = Group(digits, style is 'b' or 'o' or 'x' ? 4 : 3);
        }
        else if (type is '\0' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%' or 'n')
        {
            if (value is bool && type == '\0') throw new TemplateError("A bool with a format and no type is not supported.", "Give the format a type: d or s.");
            var number = Numbers.AsDouble(value)!.Value;
            digits = NumberFormat.Float(number, type switch { '\0' => 'r', 'n' => 'g', _ => char.ToLowerInvariant(type) }, precision, isAlternate);
            if (char.IsUpper(type)) digits = digits.ToUpperInvariant();
            prefix = Sign(double.IsNegative(number) && !double.IsNaN(number));
            var whole = digits.IndexOfAny(['.', 'e', 'E', '%']);
            if (double.IsFinite(number)) digits = whole < 0 ? Group(digits, 3) : Group(digits[..whole], 3) + digits[whole..];
        }
        else
        {
            throw Unknown();
        }

        if (grouping != '\0' && fill == "0" && align == '=') throw new TemplateError("Zeros in front of grouped digits are not supported.");
        return Pad(digits, prefix, align == '\0' ? '>' : align);

        char At() => i < spec.Length ? spec[i] : '\0';

        bool Skip(char c)
        {
            if (At() != c) return false;
            i++;
            return true;
        }

        int Count()
        {
            var count = 0;
            for (; char.IsAsciiDigit(At()); i++) count = JinjaRun.EnsureSize((count * 10L) + (At() - '0'));
            return count;
        }

        string Sign(bool isNegative) => isNegative ? "-" : sign == '-' ? "" : sign.ToString();

        string Group(string all, int size)
        {
            if (grouping == '\0') return all;
            var groups = new List<string>();
            for (var end = all.Length; end > 0; end -= size) groups.Add(all[Math.Max(0, end - size)..end]);
            groups.Reverse();
            return string.Join(grouping, groups);
        }

        string Pad(string body, string before, char side)
        {
            var missing = Math.Max(0, width - before.Length - CodePoints.Count(body));
            var left = side switch { '<' => 0, '^' => missing / 2, _ => missing };
            var padding = CodePoints.Repeat(fill, left);
            return (side == '=' ? before + padding : padding + before) + body + CodePoints.Repeat(fill, missing - left);
        }

        TemplateError Unknown() => new($"Unknown format code '{type}' for object of type '{Operations.TypeName(value)}'");
    }
}
