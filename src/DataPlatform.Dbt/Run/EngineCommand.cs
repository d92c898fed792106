namespace DataPlatform.Dbt.Run;

/// <summary>What is done with nodes: the commands of steps that select them, by the same names, and those of the tool alone.</summary>
internal enum EngineCommand
{
    Build, Run, Test, Seed, Snapshot, Compile, List, SourceFreshness, Clone, Show,
}
