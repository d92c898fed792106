namespace DataPlatform.Ingestion;

/// <summary>Says how rows get into a landing zone.</summary>
public sealed class LakeBuilder
{
    internal LakeBuilder()
    {
    }

    internal double MaxRejected { get; private set; }

    internal long MaxRejectedRows { get; private set; } = long.MaxValue;

    internal long? CheckpointBytes { get; private set; }

    internal LandingOptions? FileOptions { get; private set; }

    /// <inheritdoc cref="LoadBuilder.Quarantine"/>
    public LakeBuilder Quarantine(double maxRejected, long? maxRejectedRows = null)
    {
        var limits = new LoadBuilder().Quarantine(maxRejected, maxRejectedRows);
        (MaxRejected, MaxRejectedRows) = (limits.MaxRejected, limits.MaxRejectedRows);
        return this;
    }

    /// <summary>Lands a long load in parts, each with a manifest and a cursor of its own: a crash then costs one part at most.</summary>
    /// <param name="mebibytes">How much column data a part has at most, in MiB.</param>
    public LakeBuilder Checkpoint(int mebibytes)
    {
        CheckpointBytes = new LoadBuilder().Checkpoint(mebibytes).CheckpointBytes;
        return this;
    }

    /// <summary>How the files are written.</summary>
    /// <param name="options">Size, row groups and compression.</param>
    public LakeBuilder Files(LandingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        FileOptions = options;
        return this;
    }
}
