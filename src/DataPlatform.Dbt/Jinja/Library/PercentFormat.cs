using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>Python's <c>format % values</c>.</summary>
internal static class PercentFormat
{
    public static string Format(string format, object? values)
    {
        var output = new StringBuilder();
        var tuple = values as PythonTuple;
        var next = 0;
        var isByName = false;
        for (var i = 0; i < format.Length;)
        {
            if (format[i] != '%')
            {
                output.Append(format[i++]);
                continue;
            }

            var start = i++;
            object? named = Locals.Missing;
            if (At(i) == '(')
            {
                var (depth, begin) = (1, ++i);
                while (depth > 0)
                {
                    if (i >= format.Length) throw new TemplateError("incomplete format key");
                    depth += format[i++] switch { '(' => 1, ')' => -1, _ => 0 };
                }

                if (values is not PythonDict dict) throw new TemplateError("format requires a mapping");
                var key = format[begin..(i - 1)];
                named = dict.TryGet(key, out var found) ? found : throw new TemplateError($"The format wants a value for {PythonText.Repr(key)}, and there is none.");
                isByName = true;
            }

            var flags = i;
            while (At(i) is '-' or '+' or ' ' or '#' or '0') i++;
            var set = format[flags..i];
            var width = Count(ref i);
            if (width < 0)
            {
                set += "-";
                width = -width;
            }

            var precision = -1;
            if (At(i) == '.')
            {
                i++;
                precision = Math.Max(0, Count(ref i));
            }

            if (At(i) is 'h' or 'l' or 'L') i++;
            if (i >= format.Length) throw new TemplateError("incomplete format");
            var type = format[i++];
            if (type == '%')
            {
                output.Append('%');
                continue;
            }

            output.Append(One(ReferenceEquals(named, Locals.Missing) ? Next() : named, type, set, JinjaRun.EnsureSize(width), precision, start));
            JinjaRun.EnsureSize(output.Length);
        }

        if (tuple is not null ? next < tuple.Items.Count : next == 0 && !isByName && values is not (PythonDict or PythonList or Undefined))
            throw new TemplateError("not all arguments converted during string formatting");
        return output.ToString();

        char At(int place) => place < format.Length ? format[place] : '\0';

        object? Next()
        {
            if (tuple is null ? next > 0 : next >= tuple.Items.Count) throw new TemplateError("not enough arguments for format string");
            return tuple is null ? Single() : tuple.Items[next++];

            object? Single()
            {
                next++;
                return values;
            }
        }

        int Count(ref int place)
        {
            if (At(place) == '*')
            {
                place++;
                return Numbers.AsLong(Next()) is { } given ? (int)Math.Clamp(given, -JinjaLimits.Size, JinjaLimits.Size) : throw new TemplateError("* wants int");
            }

            var count = 0;
            for (; char.IsAsciiDigit(At(place)); place++) count = JinjaRun.EnsureSize((count * 10L) + (At(place) - '0'));
            return count;
        }
    }

    private static string One(object? value, char type, string flags, int width, int precision, int at)
    {
        string sign, body;
        switch (type)
        {
            case 's' or 'r' or 'a':
                body = type == 's' ? Representation.Print(value) : type == 'r' ? Representation.Of(value) : NumberFormat.Ascii(value);
                if (precision >= 0) body = CodePoints.Slice(body, 0, precision);
                return Pad(body);
            case 'c':
                body = Operations.AsText(value) ?? (Numbers.AsLong(value) is >= 0 and <= 0x10ffff and var point && Rune.IsValid((int)point) ? new Rune((int)point).ToString() : "");
                return CodePoints.Count(body) == 1 ? Pad(body) : throw new TemplateError("%c requires int or char");
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o':
                var number = Numbers.AsBig(value)
                    ?? (value is double && type is 'd' or 'i' or 'u' ? Numbers.AsBig(Filters.Truncate((double)value!)) : null)
                    ?? throw (value as Undefined)?.Failure() ?? new TemplateError($"%{type} format: {(type is 'd' or 'i' or 'u' ? "a real number" : "an integer")} is required, not {Operations.TypeName(value)}");
                var style = char.ToLowerInvariant(type);
                body = NumberFormat.Whole(number, style).PadLeft(Math.Max(0, precision), '0');
                sign = Sign(number.Sign < 0) + (flags.Contains('#') && style is 'x' or 'o' ? $"0{style}" : "");
                if (type == 'X') (sign, body) = (sign.ToUpperInvariant(), body.ToUpperInvariant());
                break;
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G':
                var value64 = Numbers.AsDouble(value) ?? throw (value as Undefined)?.Failure() ?? new TemplateError($"must be real number, not {Operations.TypeName(value)}");
                body = NumberFormat.Float(value64, char.ToLowerInvariant(type), precision, flags.Contains('#'));
                if (char.IsUpper(type)) body = body.ToUpperInvariant();
                sign = Sign(double.IsNegative(value64) && !double.IsNaN(value64));
                break;
            default:
                throw new TemplateError($"unsupported format character '{type}' behind the '%' at {at}");
        }

        if (flags.Contains('-') || !flags.Contains('0')) return Pad(sign + body);
        return sign + body.PadLeft(Math.Max(0, width - sign.Length), '0');

        string Sign(bool isNegative) => isNegative ? "-" : flags.Contains('+') ? "+" : flags.Contains(' ') ? " " : "";

        string Pad(string text)
        {
            var padding = new string(' ', Math.Max(0, width - CodePoints.Count(text)));
            return flags.Contains('-') ? text + padding : padding + text;
        }
    }
}
