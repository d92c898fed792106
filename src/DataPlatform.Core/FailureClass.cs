namespace DataPlatform;

/// <summary>
/// Why a job failed, as far as its orchestrator must know to decide what to do next.
/// The numeric value of each member is the exit code of the process.
/// </summary>
/// <remarks>Codes follow BSD <c>sysexits.h</c>. 64 is never used: Argo Workflows exits with it for failures of its own.</remarks>
public enum FailureClass
{
    /// <summary>Nothing failed.</summary>
    None = 0,

    /// <summary>The data broke a contract or did not pass a quality gate. Do not retry: fix the data or the contract.</summary>
    Data = 65,

    /// <summary>A system the job depends on cannot be reached. Retry later.</summary>
    Unavailable = 69,

    /// <summary>A bug, ours or the step's. Do not retry.</summary>
    Bug = 70,

    /// <summary>An output cannot be written: full disk, read-only folder, missing bucket or permission to create.</summary>
    CannotWrite = 73,

    /// <summary>A temporary condition: throttling, deadlock, a lease held by another run. Retry.</summary>
    Transient = 75,

    /// <summary>The credentials were refused or do not allow the operation. Do not retry.</summary>
    NotAuthorized = 77,

    /// <summary>Configuration is missing or wrong, or a secret cannot be found. Do not retry.</summary>
    Configuration = 78,

    /// <summary>The process was told to stop (SIGTERM, Ctrl+C) and drained cleanly. Retry.</summary>
    Terminated = 143,
}
