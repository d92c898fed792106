namespace DataPlatform.Dbt.Jinja;

/// <summary>The macros and other blocks at the top of a file. Text and statements around them are left out, as dbt does.</summary>
internal sealed class JinjaLibrary
{
    private JinjaLibrary(IReadOnlyList<JinjaDefinition> definitions) => Definitions = definitions;

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<JinjaDefinition> Definitions { get; }

    /// <exception cref="JinjaException">It is not a template, or asks for what is not supported.</exception>
    public static JinjaLibrary Parse(string text, string origin, JinjaEnvironment environment)
    {
        var source = new JinjaSource(text, origin);
        var root = new Parser(source, environment, isLibrary: true).ParseTemplate();
        return new JinjaLibrary([.. root.Body.Statements.OfType<MacroNode>().Select(macro => new JinjaDefinition(macro, environment))]);
    }
}

/// <summary>A macro or another named block of a library.</summary>
internal sealed class JinjaDefinition
{
    private readonly MacroNode _node;

    public JinjaDefinition(MacroNode node, JinjaEnvironment environment)
    {
        _node = node;
        Binding.BindDefinition(node, environment);
        (Line, _) = node.Source.Place(node.Offset);
    }

    /// <summary>The tag: <c>macro</c>, or that of a <see cref="BlockKind"/>.</summary>
    public string Tag => _node.Tag;

    public string Name => _node.Name;

    /// <summary>Names of the parameters.</summary>
    public IReadOnlyList<string> Parameters => _node.ParameterNames;

    /// <summary>What stands behind the name of a block with settings: the values by their words, and null for a word alone.</summary>
    public IReadOnlyDictionary<string, object?> Settings => _node.Settings;

    /// <summary>The file as it was named.</summary>
    public string Origin => _node.Source.Origin;

    /// <summary>The line that it begins in, from 1.</summary>
    public int Line { get; }

    /// <summary>The whole block as it is written, tags included.</summary>
    public string Text => _node.Source.Text[_node.Offset.._node.End];

    /// <summary>What is between the tags, as it is written.</summary>
    public string BodyText => _node.Source.Text[_node.BodyStart.._node.BodyEnd];

    /// <summary>Makes it callable, with what the names in it stand for.</summary>
    public JinjaMacro Bind(IJinjaNames names) => new(_node, names);
}
