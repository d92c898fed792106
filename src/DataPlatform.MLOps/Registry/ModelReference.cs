using System.Globalization;

namespace DataPlatform.MLOps;

/// <summary>
/// Names one version of a model, as MLflow's <c>models:/</c> addresses do: <c>demand-model@champion</c> by alias, <c>demand-model/3</c> by number,
/// <c>demand-model/Production</c> the newest in a stage, <c>demand-model/latest</c> the newest of all.
/// </summary>
public sealed record ModelReference
{
    private ModelReference(string model) => Model = EntityName.Validate(model, "model");

    /// <summary>The model.</summary>
    public string Model { get; }

    /// <summary>The alias, when it names one.</summary>
    public string? Alias { get; private init; }

    /// <summary>The version's number, when it names one.</summary>
    public int? Version { get; private init; }

    /// <summary>The stage, when it names one.</summary>
    public ModelStage? Stage { get; private init; }

    /// <summary>The version an alias points at.</summary>
    public static ModelReference ByAlias(string model, string alias) => new(model) { Alias = ModelAlias.Validate(alias) };

    /// <summary>The version of a number.</summary>
    public static ModelReference ByVersion(string model, int version) => new(model) { Version = version };

    /// <summary>The newest version in a stage.</summary>
    public static ModelReference ByStage(string model, ModelStage stage) => new(model) { Stage = stage };

    /// <summary>The newest version.</summary>
    public static ModelReference Latest(string model) => new(model);

    /// <summary>Reads <c>model@alias</c>, <c>model/number</c>, <c>model/stage</c> or <c>model/latest</c>.</summary>
    /// <exception cref="DataPlatformException"><see cref="FailureClass.Configuration"/>: it is none of these.</exception>
    public static ModelReference Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Split('@') is [var aliased, var alias]) return ByAlias(aliased, alias);
        if (text.Split('/') is [var model, var which])
        {
            if (which.Equals("latest", StringComparison.OrdinalIgnoreCase)) return Latest(model);
            if (int.TryParse(which, NumberStyles.None, CultureInfo.InvariantCulture, out var version) && version > 0) return ByVersion(model, version);
            if (Array.Find(Enum.GetNames<ModelStage>(), name => name.Equals(which, StringComparison.OrdinalIgnoreCase)) is { } stage) return ByStage(model, Enum.Parse<ModelStage>(stage));
        }

        throw new DataPlatformException(
            FailureClass.Configuration,
            $"'{text}' does not name a version of a model.",
            "Write model@alias, model/number, model/stage or model/latest: for example demand-model@champion.");
    }

    /// <summary>Reads a reference, as <see cref="Parse"/> does.</summary>
    public static implicit operator ModelReference(string text) => Parse(text);

    /// <summary>The reference as text.</summary>
    public override string ToString() => this switch
    {
        { Alias: { } alias } => $"{Model}@{alias}",
        { Version: { } version } => string.Create(CultureInfo.InvariantCulture, $"{Model}/{version}"),
        { Stage: { } stage } => $"{Model}/{stage}",
        _ => $"{Model}/latest",
    };
}
