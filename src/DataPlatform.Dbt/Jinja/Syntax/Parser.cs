namespace DataPlatform.Dbt.Jinja;

/// <summary>Builds the tree of a template by the grammar of Jinja2 3.1 with the extensions <c>do</c> and loop controls, as dbt has it.</summary>
internal sealed class Parser
{
    private static readonly HashSet<string> Comparisons = ["==", "!=", "<", "<=", ">", ">="];
    private static readonly HashSet<string> Constants = ["true", "True", "false", "False", "none", "None"];
    private static readonly HashSet<string> Unsupported = ["include", "import", "from", "extends", "block", "autoescape", "trans", "debug"];

    private readonly JinjaSource _source;
    private readonly List<Token> _tokens;
    private readonly bool _isLibrary;
    private readonly Dictionary<string, BlockKind> _blocks;

    /// <summary>The tags that are open, the innermost last.</summary>
    private readonly List<OpenBlock> _open = [];
    private int _position;
    private bool _isInLoop;

    public Parser(JinjaSource source, JinjaEnvironment environment, bool isLibrary)
    {
        (_source, _isLibrary) = (source, isLibrary);
        _blocks = environment.Blocks.ToDictionary(block => block.Tag, StringComparer.Ordinal);
        _tokens = new Lexer(source, isLibrary ? environment.Blocks.Where(block => block.IsRaw).ToDictionary(block => block.Tag, block => block.EndTag) : new Dictionary<string, string>()).Tokenize();
    }

    private Token Current => _tokens[_position];

    public TemplateNode ParseTemplate()
    {
        try
        {
            var body = ParseBody();
            return new TemplateNode(_source, body);
        }
        catch (TemplateError e)
        {
            throw _source.Fault(Current.Offset, e.Message, e.Hint, e);
        }
    }

    private Block ParseBody()
    {
        var offset = Current.Offset;
        var statements = new List<Statement>();
        while (Current.Kind != TokenKind.End)
        {
            var token = Take();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new TextNode(_source, token.Offset, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    statements.Add(new ExpressionStatement(_source, Current.Offset, ParseTuple(), prints: true));
                    Expect(TokenKind.VariableEnd);
                    break;
                default:
                    if (_open is [.., { Ends: var ends }] && Current.Kind == TokenKind.Name && ends.Contains(Current.Text)) return new Block(_source, offset, statements);
                    statements.AddRange(ParseStatement(token.Offset));
                    Expect(TokenKind.BlockEnd);
                    break;
            }
        }

        if (_open is [.., var (tag, begin, missing)])
            throw _source.Fault(begin, $"The '{tag}' that begins here is not ended: there is no {string.Join(" or ", missing.Select(end => $"{{% {end} %}}"))}.");
        return new Block(_source, offset, statements);
    }

    /// <summary>Reads the rest of a tag's beginning and its body, up to the name of one of its end tags, which it returns.</summary>
    private (Block Body, string End) ParseBlock(string tag, int offset, params string[] ends)
    {
        SkipIf(":");
        Expect(TokenKind.BlockEnd);
        _open.Add(new OpenBlock(tag, offset, ends));
        var body = ParseBody();
        _open.RemoveAt(_open.Count - 1);
        return (body, Take().Text);
    }

    private List<Statement> ParseStatement(int offset)
    {
        JinjaRun.EnsureStack();
        if (Current.Kind != TokenKind.Name) throw Unexpected("a tag's name");
        var token = Take();
        switch (token.Text)
        {
            case "if": return [ParseIf(offset)];
            case "for": return [ParseFor(offset)];
            case "set": return [ParseSet(offset)];
            case "with": return [ParseWith(offset)];
            case "macro": return [ParseMacro(offset, "macro")];
            case "call": return [ParseCallBlock(offset)];
            case "filter": return [ParseFilterBlock(offset)];
            case "do": return [new ExpressionStatement(_source, Current.Offset, ParseTuple(), prints: false)];
            case "print": return ParsePrint();
            case "break" or "continue":
                if (!_isInLoop) throw _source.Fault(token.Offset, $"'{token.Text}' stands outside of a loop.");
                return [new LoopControl(_source, token.Offset, token.Text == "break" ? Completion.Break : Completion.Continue)];
            case var tag when _isLibrary && _blocks.TryGetValue(tag, out var kind):
                if (_open.Count > 0) throw _source.Fault(token.Offset, $"'{tag}' stands inside of '{_open[^1].Tag}': it can only stand at the top of a file.");
                return [ParseDefinition(offset, kind)];
            case var tag when Unsupported.Contains(tag): throw _source.Fault(token.Offset, $"'{tag}' is not supported: dbt loads no other templates, and neither does this.");
        }

        if (_open.Exists(open => open.Ends.Contains(token.Text)))
        {
            var (inner, begin, ends) = _open[^1];
            throw _source.Fault(token.Offset, $"'{token.Text}' stands where '{inner}' of line {_source.Place(begin).Line} is still open: {string.Join(" or ", ends)} must come first.");
        }

        throw _source.Fault(token.Offset, token.Text.StartsWith("end", StringComparison.Ordinal) || token.Text is "else" or "elif" ? $"'{token.Text}' ends nothing." : $"There is no tag '{token.Text}'.");
    }

    private If ParseIf(int offset)
    {
        var branches = new List<(Expression, Block)>();
        Block? otherwise = null;
        string end;
        do
        {
            var condition = ParseTuple(withConditional: false);
            (var body, end) = ParseBlock("if", offset, "elif", "else", "endif");
            branches.Add((condition, body));
        }
        while (end == "elif");

        if (end == "else") (otherwise, _) = ParseBlock("if", offset, "endif");
        return new If(_source, offset, branches, otherwise);
    }

    private For ParseFor(int offset)
    {
        var target = ParseTarget(withAttributes: false, end: "in");
        ExpectName("in");
        var iterable = ParseTuple(withConditional: false, end: "recursive");
        var test = SkipIfName("if") ? ParseExpression() : null;
        var isRecursive = SkipIfName("recursive");
        var isInLoop = _isInLoop;
        _isInLoop = true;
        var (body, end) = ParseBlock("for", offset, "endfor", "else");
        _isInLoop = isInLoop;
        var otherwise = end == "else" ? ParseBlock("for", offset, "endfor").Body : null;
        return new For(_source, offset, target, iterable, test, isRecursive, body, otherwise);
    }

    private Statement ParseSet(int offset)
    {
        var target = ParseTarget(withAttributes: true);
        if (SkipIf("=")) return new Set(_source, offset, target, ParseTuple());
        var filter = ParseFilterChain(null);
        return new SetBlock(_source, offset, target, filter, ParseBlock("set", offset, "endset").Body);
    }

    private With ParseWith(int offset)
    {
        var names = new List<(Target, Expression)>();
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (names.Count > 0) Expect(",");
            var target = ParseTarget(withAttributes: false);
            Expect("=");
            names.Add((target, ParseExpression()));
        }

        return new With(_source, offset, names, ParseBlock("with", offset, "endwith").Body);
    }

    private MacroNode ParseMacro(int offset, string tag)
    {
        var name = ExpectName().Text;
        var (parameters, defaults) = ParseParameters();
        return ParseMacroBody(offset, tag, name, parameters, defaults);
    }

    private MacroNode ParseDefinition(int offset, BlockKind kind)
    {
        if (kind.Arguments == BlockArguments.Parameters) return ParseMacro(offset, kind.Tag);
        var name = ExpectName().Text;
        var settings = kind.Arguments == BlockArguments.Settings ? ParseSettings() : [];
        return ParseMacroBody(offset, kind.Tag, name, [], [], settings);
    }

    private Dictionary<string, object?> ParseSettings()
    {
        var settings = new Dictionary<string, object?>(StringComparer.Ordinal);
        while (SkipIf(","))
        {
            var name = ExpectName();
            var value = SkipIf("=") ? Value(ParseExpression()) : null;
            if (!settings.TryAdd(name.Text, value)) throw _source.Fault(name.Offset, $"'{name.Text}' is set twice.");
        }

        return settings;

        object? Value(Expression expression) => expression switch
        {
            Constant constant => constant.Value,
            ListExpression list => new PythonList(list.Items.Select(Value)),
            _ => throw _source.Fault(expression.Offset, "A setting is a constant, or a list of constants."),
        };
    }

    private MacroNode ParseMacroBody(
        int offset, string tag, string name, IReadOnlyList<NameTarget> parameters, IReadOnlyList<Expression> defaults, Dictionary<string, object?>? settings = null)
    {
        var isTop = _open.Count == 0 && tag != "call";
        var isInLoop = _isInLoop;
        _isInLoop = false;
        var tagEnd = _tokens.FindIndex(_position, token => token.Kind == TokenKind.BlockEnd);
        var (body, _) = ParseBlock(tag, offset, $"end{tag}");
        _isInLoop = isInLoop;
        var text = _source.Text;
        return new MacroNode(_source, offset, tag, name, parameters, defaults, body)
        {
            CatchesReturn = isTop,
            Settings = settings ?? [],
            BodyStart = tagEnd < 0 ? offset : text.IndexOf("%}", _tokens[tagEnd].Offset, StringComparison.Ordinal) + 2,
            BodyEnd = text.LastIndexOf("{%", _tokens[_position - 1].Offset + 1, StringComparison.Ordinal),
            End = text.IndexOf("%}", Current.Offset, StringComparison.Ordinal) + 2,
        };
    }

    private (List<NameTarget> Parameters, List<Expression> Defaults) ParseParameters()
    {
        var (parameters, defaults) = (new List<NameTarget>(), new List<Expression>());
        Expect("(");
        while (!Is(")"))
        {
            if (parameters.Count > 0) Expect(",");
            var name = ExpectName();
            if (Constants.Contains(name.Text)) throw CannotSet(name);
            if (parameters.Exists(parameter => parameter.Name == name.Text)) throw _source.Fault(name.Offset, $"There are two parameters '{name.Text}'.");
            if (SkipIf("=")) defaults.Add(ParseExpression());
            else if (defaults.Count > 0) throw _source.Fault(name.Offset, $"The parameter '{name.Text}' has no default, and stands behind one that has.");
            parameters.Add(new NameTarget(_source, name.Offset, name.Text));
        }

        Expect(")");
        return (parameters, defaults);
    }

    private CallBlock ParseCallBlock(int offset)
    {
        var (parameters, defaults) = Is("(") ? ParseParameters() : ([], []);
        var callee = Current.Offset;
        if (ParseExpression() is not Call call) throw _source.Fault(callee, "'call' needs a call of a macro here.");
        return new CallBlock(_source, offset, ParseMacroBody(offset, "call", "caller", parameters, defaults), call);
    }

    private FilterBlock ParseFilterBlock(int offset)
    {
        var filter = ParseFilterChain(ParseFilter(null))!;
        return new FilterBlock(_source, offset, filter, ParseBlock("filter", offset, "endfilter").Body);
    }

    private List<Statement> ParsePrint()
    {
        var statements = new List<Statement>();
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (statements.Count > 0) Expect(",");
            statements.Add(new ExpressionStatement(_source, Current.Offset, ParseExpression(), prints: true));
        }

        return statements;
    }

    private Target ParseTarget(bool withAttributes, string? end = null)
    {
        var offset = Current.Offset;
        var targets = new List<Target>();
        var isTuple = false;
        while (true)
        {
            if (targets.Count > 0) Expect(",");
            if (IsTupleEnd(end)) break;
            targets.Add(ParseSingleTarget(withAttributes));
            if (!Is(",")) break;
            isTuple = true;
        }

        if (targets.Count == 0) throw Unexpected("a name");
        return isTuple ? new TupleTarget(_source, offset, targets) : targets[0];
    }

    private Target ParseSingleTarget(bool withAttributes)
    {
        JinjaRun.EnsureStack();
        if (SkipIf("("))
        {
            var inner = ParseTarget(withAttributes: false);
            Expect(")");
            return inner;
        }

        var name = ExpectName();
        if (Constants.Contains(name.Text)) throw CannotSet(name);
        if (!withAttributes || !SkipIf(".")) return new NameTarget(_source, name.Offset, name.Text);
        return new AttributeTarget(_source, name.Offset, name.Text, ExpectName().Text);
    }

    private bool IsTupleEnd(string? end) =>
        Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd || Is(")") || (end is not null && IsName(end));

    private Expression ParseTuple(bool withConditional = true, string? end = null, bool mayBeEmpty = false)
    {
        var offset = Current.Offset;
        var items = new List<Expression>();
        var isTuple = false;
        while (true)
        {
            if (items.Count > 0) Expect(",");
            if (IsTupleEnd(end)) break;
            items.Add(withConditional ? ParseExpression() : ParseOr());
            if (!Is(",")) break;
            isTuple = true;
        }

        if (isTuple || (items.Count == 0 && mayBeEmpty)) return new TupleExpression(_source, offset, items);
        return items.Count == 0 ? throw Unexpected("an expression") : items[0];
    }

    private Expression ParseExpression()
    {
        JinjaRun.EnsureStack();
        var offset = Current.Offset;
        var value = ParseOr();
        while (SkipIfName("if"))
        {
            var condition = ParseOr();
            value = new Conditional(_source, offset, condition, value, SkipIfName("else") ? ParseExpression() : null);
        }

        return value;
    }

    private Expression ParseOr()
    {
        var left = ParseAnd();
        for (var at = Current.Offset; SkipIfName("or"); at = Current.Offset) left = new Logical(_source, at, isAnd: false, left, ParseAnd());
        return left;
    }

    private Expression ParseAnd()
    {
        var left = ParseNot();
        for (var at = Current.Offset; SkipIfName("and"); at = Current.Offset) left = new Logical(_source, at, isAnd: true, left, ParseNot());
        return left;
    }

    private Expression ParseNot()
    {
        JinjaRun.EnsureStack();
        var offset = Current.Offset;
        return SkipIfName("not") ? new Not(_source, offset, ParseNot()) : ParseComparison();
    }

    private Expression ParseComparison()
    {
        var first = ParseSum();
        var offset = Current.Offset;
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.Contains(Current.Text)) rest.Add((Take().Text, ParseSum()));
            else if (SkipIfName("in")) rest.Add(("in", ParseSum()));
            else if (IsName("not") && _tokens[_position + 1] is { Kind: TokenKind.Name, Text: "in" })
            {
                _position += 2;
                rest.Add(("not in", ParseSum()));
            }
            else return rest.Count == 0 ? first : new Comparison(_source, offset, first, rest);
        }
    }

    private Expression ParseSum() => ParseBinary(ParseConcatenation, "+", "-");

    private Expression ParseConcatenation()
    {
        var first = ParseProduct();
        if (!Is("~")) return first;
        var offset = Current.Offset;
        var parts = new List<Expression> { first };
        while (SkipIf("~")) parts.Add(ParseProduct());
        return new Concatenation(_source, offset, parts);
    }

    private Expression ParseProduct() => ParseBinary(ParsePower, "*", "/", "//", "%");

    private Expression ParsePower() => ParseBinary(() => ParseUnary(withFilters: true), "**");

    private Expression ParseBinary(Func<Expression> operand, params ReadOnlySpan<string> operators)
    {
        var left = operand();
        while (Current.Kind == TokenKind.Operator && operators.Contains(Current.Text))
        {
            var op = Take();
            left = new Binary(_source, op.Offset, op.Text, left, operand());
        }

        return left;
    }

    private Expression ParseUnary(bool withFilters)
    {
        JinjaRun.EnsureStack();
        var offset = Current.Offset;
        Expression value = Is("-") || Is("+") ? new Unary(_source, offset, Take().Text, ParseUnary(withFilters: false)) : ParsePrimary();
        value = ParsePostfix(value);
        return withFilters ? ParseFilters(value) : value;
    }

    private Expression ParsePrimary()
    {
        var token = Take();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Constant(_source, token.Offset, true),
                    "false" or "False" => new Constant(_source, token.Offset, false),
                    "none" or "None" => new Constant(_source, token.Offset, null),
                    _ => new Name(_source, token.Offset, token.Text),
                };
            case TokenKind.Number: return new Constant(_source, token.Offset, token.Value);
            case TokenKind.String:
                var text = token.Text;
                while (Current.Kind == TokenKind.String) text += Take().Text;
                return new Constant(_source, token.Offset, text);
            case TokenKind.Operator when token.Text == "(":
                var tuple = ParseTuple(mayBeEmpty: true);
                Expect(")");
                return tuple;
            case TokenKind.Operator when token.Text == "[":
                var items = new List<Expression>();
                while (!Is("]"))
                {
                    if (items.Count > 0) Expect(",");
                    if (Is("]")) break;
                    items.Add(ParseExpression());
                }

                Expect("]");
                return new ListExpression(_source, token.Offset, items);
            case TokenKind.Operator when token.Text == "{": return ParseDict(token.Offset);
        }

        _position--;
        throw Unexpected("an expression");
    }

    private DictExpression ParseDict(int offset)
    {
        var items = new List<(Expression, Expression)>();
        while (!Is("}"))
        {
            if (items.Count > 0) Expect(",");
            if (Is("}")) break;
            var key = ParseExpression();
            Expect(":");
            items.Add((key, ParseExpression()));
        }

        Expect("}");
        return new DictExpression(_source, offset, items);
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            if (Is(".")) value = ParseAttribute(value);
            else if (Is("[")) value = ParseSubscript(value);
            else if (Is("(")) value = ParseCall(value);
            else return value;
        }
    }

    private Call ParseCall(Expression function) => new(_source, Current.Offset, function, ParseArguments());

    private Expression ParseAttribute(Expression value)
    {
        var offset = Take().Offset;
        var name = Take();
        if (name.Kind == TokenKind.Name) return new AttributeExpression(_source, offset, value, name.Text);
        if (name is { Kind: TokenKind.Number, Value: not double }) return new ItemExpression(_source, offset, value, new Constant(_source, name.Offset, name.Value));
        _position--;
        throw Unexpected("a name or number");
    }

    private Expression ParseSubscript(Expression value)
    {
        var offset = Take().Offset;
        var items = new List<Expression>();
        while (!Is("]"))
        {
            if (items.Count > 0) Expect(",");
            var start = Is(":") ? null : ParseExpression();
            if (Is(":"))
            {
                if (items.Count > 0) throw _source.Fault(Current.Offset, "A slice among other items is not supported.");
                var slice = ParseSlice(offset, value, start);
                Expect("]");
                return slice;
            }

            items.Add(start!);
        }

        Expect("]");
        return new ItemExpression(_source, offset, value, items.Count == 1 ? items[0] : new TupleExpression(_source, offset, items));
    }

    private SliceExpression ParseSlice(int offset, Expression value, Expression? start)
    {
        Expect(":");
        var stop = Is(":") || Is("]") ? null : ParseExpression();
        var step = SkipIf(":") && !Is("]") ? ParseExpression() : null;
        return new SliceExpression(_source, offset, value, start, stop, step);
    }

    private ArgumentList ParseArguments()
    {
        var offset = Current.Offset;
        Expect("(");
        var (positional, named) = (new List<Expression>(), new List<(string, Expression)>());
        Expression? more = null, moreNamed = null;
        var isFirst = true;
        while (!Is(")"))
        {
            if (!isFirst)
            {
                Expect(",");
                if (Is(")")) break;
            }

            isFirst = false;
            var at = Current;
            if (SkipIf("*"))
            {
                Require(more is null && moreNamed is null);
                more = ParseExpression();
            }
            else if (SkipIf("**"))
            {
                Require(moreNamed is null);
                moreNamed = ParseExpression();
            }
            else if (at.Kind == TokenKind.Name && _tokens[_position + 1] is { Kind: TokenKind.Operator, Text: "=" })
            {
                Require(moreNamed is null);
                _position += 2;
                if (named.Exists(argument => argument.Item1 == at.Text)) throw _source.Fault(at.Offset, $"The argument '{at.Text}' is given twice.");
                named.Add((at.Text, ParseExpression()));
            }
            else
            {
                Require(more is null && moreNamed is null && named.Count == 0);
                positional.Add(ParseExpression());
            }

            void Require(bool isAllowed)
            {
                if (!isAllowed) throw _source.Fault(at.Offset, "Arguments come in this order: values, names with values, *values, **names.");
            }
        }

        Expect(")");
        return positional.Count + named.Count == 0 && more is null && moreNamed is null ? ArgumentList.Empty : new ArgumentList(positional, named, more, moreNamed);
    }

    /// <summary>The filters of a block's text.</summary>
    private FilterExpression? ParseFilterChain(FilterExpression? first)
    {
        while (SkipIf("|")) first = ParseFilter(first);
        return first;
    }

    /// <summary>Filters and tests behind a value.</summary>
    private Expression ParseFilters(Expression value)
    {
        while (true)
        {
            if (SkipIf("|")) value = ParseFilter(value);
            else if (IsName("is")) value = ParseTest(value);
            else if (Is("(")) value = ParseCall(value);
            else return value;
        }
    }

    private FilterExpression ParseFilter(Expression? value)
    {
        var name = ExpectName();
        return new FilterExpression(_source, name.Offset, value, ParseDottedName(name), Is("(") ? ParseArguments() : ArgumentList.Empty);
    }

    private Expression ParseTest(Expression value)
    {
        var offset = Take().Offset;
        var isNegated = SkipIfName("not");
        var name = ParseDottedName(ExpectName());
        var arguments = ArgumentList.Empty;
        if (Is("(")) arguments = ParseArguments();
        else if (IsName("is")) throw _source.Fault(Current.Offset, "You cannot chain multiple tests with is");
        else if (Current.Kind is TokenKind.String or TokenKind.Number || Is("[") || Is("{") || (Current.Kind == TokenKind.Name && Current.Text is not ("else" or "or" or "and")))
            arguments = new ArgumentList([ParsePostfix(ParsePrimary())], [], null, null);
        var test = new TestExpression(_source, offset, value, name, arguments);
        return isNegated ? new Not(_source, offset, test) : test;
    }

    private string ParseDottedName(Token first)
    {
        var name = first.Text;
        while (SkipIf(".")) name += $".{ExpectName().Text}";
        return name;
    }

    private bool Is(string op) => Current.Kind == TokenKind.Operator && Current.Text == op;

    private bool IsName(string name) => Current.Kind == TokenKind.Name && Current.Text == name;

    private bool SkipIf(string op)
    {
        if (!Is(op)) return false;
        _position++;
        return true;
    }

    private bool SkipIfName(string name)
    {
        if (!IsName(name)) return false;
        _position++;
        return true;
    }

    private Token Take() => Current.Kind == TokenKind.End ? Current : _tokens[_position++];

    private void Expect(string op)
    {
        if (!SkipIf(op)) throw Unexpected($"'{op}'");
    }

    private void Expect(TokenKind kind)
    {
        if (Current.Kind != kind) throw Unexpected(new Token(kind, 0, "").Description);
        _position++;
    }

    private Token ExpectName() => Current.Kind == TokenKind.Name ? Take() : throw Unexpected("a name");

    private void ExpectName(string name)
    {
        if (!SkipIfName(name)) throw Unexpected($"'{name}'");
    }

    private JinjaException CannotSet(Token name) => _source.Fault(name.Offset, $"'{name.Text}' is a constant, and cannot be set.");

    private JinjaException Unexpected(string wanted) => _source.Fault(Current.Offset, $"Expected {wanted}, but found {Current.Description}.");

    /// <summary>A block whose end is still to come.</summary>
    private sealed record OpenBlock(string Tag, int Offset, string[] Ends);
}
