namespace DataPlatform.Ingestion;

/// <summary>One text of a source, while it is read: a file, or a page of an API.</summary>
internal interface ISourceText
{
    /// <summary>What rejected rows are said to be from.</summary>
    string Name { get; }

    /// <summary>The text is not what it should be.</summary>
    DataPlatformException Invalid(string problem, string? hint, Exception? cause = null);
}
