namespace DataPlatform.MLOps;

/// <summary>Where a version is on its way to use. Several versions can be in one stage; an alias points at exactly one.</summary>
public enum ModelStage
{
    /// <summary>Just registered.</summary>
    None,

    /// <summary>Being tried.</summary>
    Staging,

    /// <summary>In use.</summary>
    Production,

    /// <summary>Not used any more.</summary>
    Archived,
}

/// <summary>The aliases that training steps set.</summary>
public static class ModelAliases
{
    /// <summary>The newest version of the model, whether or not it was promoted.</summary>
    public const string Candidate = "candidate";

    /// <summary>The version in use.</summary>
    public const string Champion = "champion";
}
