using System.Text;

namespace DataPlatform.Dbt.Jinja;

/// <summary>A template that is read once and rendered any number of times, by any number of threads.</summary>
internal sealed class JinjaTemplate
{
    private readonly Block _body;
    private readonly FunctionCode _code;
    private readonly ScopeEntry _entry;
    private readonly TemplateNode _root;

    private JinjaTemplate(TemplateNode root, JinjaEnvironment environment)
    {
        _root = root;
        (_body, _code, _entry) = Binding.BindTemplate(root, environment);
    }

    /// <exception cref="JinjaException">It is not a template, or asks for what is not supported.</exception>
    public static JinjaTemplate Parse(string text, string origin, JinjaEnvironment environment)
    {
        var source = new JinjaSource(text, origin);
        return new JinjaTemplate(new Parser(source, environment, isLibrary: false).ParseTemplate(), environment);
    }

    /// <exception cref="JinjaException">The template failed.</exception>
    public string Render(IJinjaNames names, JinjaRun run)
    {
        var output = new StringBuilder();
        try
        {
            run.At = _root;
            var locals = new Locals(_code, outer: null, names, run);
            _entry.Enter(locals);
            return _body.Execute(locals, output) == Completion.Return ? throw OutsideOfMacro() : output.ToString();
        }
        catch (TemplateError e)
        {
            throw e.At(run.At ?? _root);
        }
        catch (MacroReturnException)
        {
            throw OutsideOfMacro().At(run.At ?? _root);
        }

        static TemplateError OutsideOfMacro() => new("return() stands outside of a macro.");
    }
}
