namespace DataPlatform.MLOps;

/// <summary>How a model was made and how well it does.</summary>
public record ModelVersionInfo
{
    /// <summary>For people.</summary>
    public string? Description { get; init; }

    /// <summary>How well it does, such as <c>rmse</c>.</summary>
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>What the training was told, such as the number of trees.</summary>
    public IReadOnlyDictionary<string, string> Params { get; init; } = new Dictionary<string, string>();

    /// <summary>Anything else.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();

    /// <summary>The commit of the program that trained it.</summary>
    public string? GitCommit { get; init; }

    /// <summary>The pipeline run that trained it.</summary>
    public string? RunId { get; init; }

    /// <summary>Changes when the data it was trained on changes. Opaque.</summary>
    public string? DataFingerprint { get; init; }
}

/// <summary>A version of a model as the registry has it.</summary>
public sealed record ModelVersion : ModelVersionInfo
{
    /// <summary>The model.</summary>
    public required string Model { get; init; }

    /// <summary>Its number, from 1; never used again for another version of the model.</summary>
    public required int Version { get; init; }

    /// <summary>Its stage.</summary>
    public required ModelStage Stage { get; init; }

    /// <summary>The aliases that point at it, in order.</summary>
    public required IReadOnlyList<string> Aliases { get; init; }

    /// <summary>The SHA-256 of the artifact, in lower-case hexadecimal.</summary>
    public required string ArtifactSha256 { get; init; }

    /// <summary>The artifact's size in bytes.</summary>
    public required long ArtifactSize { get; init; }

    /// <summary>When it was registered.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The version as a reference: <c>demand-model/3</c>.</summary>
    public override string ToString() => $"{Model}/{Version}";
}
