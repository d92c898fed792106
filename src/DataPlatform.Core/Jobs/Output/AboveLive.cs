using Spectre.Console.Rendering;

namespace DataPlatform.Jobs.Output;

/// <summary>
/// Something written while a live display is on. Spectre.Console draws it over the display's old rows and the display again below:
/// without wiping these first, their ends would show behind shorter lines.
/// </summary>
internal sealed class AboveLive(IRenderable inner) : Renderable
{
    private const string EraseToEndOfScreen = "\u001b[J";

    protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth) =>
        options.Ansi ? inner.Render(options, maxWidth).Prepend(Segment.Control(EraseToEndOfScreen)) : inner.Render(options, maxWidth);
}
