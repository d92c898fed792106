namespace DataPlatform.Lineage;

/// <summary>Where OpenLineage events go. Bound from the section <c>OpenLineage</c>; off unless <see cref="Url"/> or <see cref="Path"/> is set.</summary>
public sealed class OpenLineageOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "OpenLineage";

    /// <summary>The server that takes events: <c>https://marquez.internal:5000</c>. Null for none.</summary>
    public Uri? Url { get; set; }

    /// <summary>Where on the server they are posted. <c>api/v1/lineage</c>.</summary>
    public string Endpoint { get; set; } = "api/v1/lineage";

    /// <summary>Sent as bearer token; null for none. A secret: <c>${secret://env/OPENLINEAGE_API_KEY}</c>.</summary>
    public string? ApiKey { get; set; }

    /// <summary>A file that events are appended to instead, one a line. Null for none.</summary>
    public string? Path { get; set; }

    /// <summary>The namespace of the jobs. Null: the environment's name, <c>Production</c> for one.</summary>
    public string? Namespace { get; set; }

    /// <summary>How long an answer may take before the event is sent again, and how long the end of a run waits for events that are not delivered yet. 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Whether events are sent at all.</summary>
    public bool IsOn => Url is not null || Path is not null;
}
