using System.ComponentModel;
using System.Runtime.InteropServices;

namespace DataPlatform.ObjectStores.Folder;

/// <summary>
/// What a store needs of a file system and .NET does not promise: <see cref="File.Move(string, string, bool)"/> copies when it cannot rename,
/// and looks whether a file exists before it renames over it.
/// </summary>
internal static class AtomicFile
{
    // As Linux and macOS have them.
    private const int AlreadyExists = 17; // EEXIST
    private const int NotSupported = 22; // EINVAL

    /// <summary>The error of a rename to another file system: EXDEV, on Linux and macOS.</summary>
    public const int OtherFileSystem = 18;

    /// <summary>Gives a file the name of another one, which it replaces.</summary>
    public static void Replace(string source, string destination)
    {
        if (OperatingSystem.IsWindows()) File.Move(source, destination, overwrite: true);
        else Check(Libc.Rename(source, destination), destination);
    }

    /// <summary>Gives a file a name that is not taken. Of several that try at once one succeeds.</summary>
    /// <returns>False when the name is taken.</returns>
    public static bool TryCreate(string source, string destination)
    {
        if (OperatingSystem.IsWindows()) return TryMove(source, destination);
        if (Libc.Link(source, destination) != 0)
        {
            if (Marshal.GetLastPInvokeError() == AlreadyExists) return false;
            Check(-1, destination);
        }

        File.Delete(source);
        return true;
    }

    /// <summary>Makes durable which names a folder holds. Windows does that by itself, and so do file systems that answer EINVAL.</summary>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        var descriptor = Check(Libc.Open(folder, flags: 0), folder);
        try
        {
            if (Libc.FSync(descriptor) != 0 && Marshal.GetLastPInvokeError() != NotSupported) Check(-1, folder);
        }
        finally
        {
            _ = Libc.Close(descriptor);
        }
    }

    private static bool TryMove(string source, string destination)
    {
        try
        {
            File.Move(source, destination, overwrite: false);
            return true;
        }
        catch (IOException) when (File.Exists(destination))
        {
            return false;
        }
    }

    private static int Check(int result, string path)
    {
        if (result >= 0) return result;
        var error = Marshal.GetLastPInvokeError();
        throw new IOException($"{new Win32Exception(error).Message} : '{path}'", error);
    }

    private static class Libc
    {
        [DllImport("libc", EntryPoint = "rename", SetLastError = true, ExactSpelling = true)]
        public static extern int Rename([MarshalAs(UnmanagedType.LPUTF8Str)] string source, [MarshalAs(UnmanagedType.LPUTF8Str)] string destination);

        [DllImport("libc", EntryPoint = "link", SetLastError = true, ExactSpelling = true)]
        public static extern int Link([MarshalAs(UnmanagedType.LPUTF8Str)] string source, [MarshalAs(UnmanagedType.LPUTF8Str)] string destination);

        [DllImport("libc", EntryPoint = "open", SetLastError = true, ExactSpelling = true)]
        public static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

        [DllImport("libc", EntryPoint = "fsync", SetLastError = true, ExactSpelling = true)]
        public static extern int FSync(int descriptor);

        [DllImport("libc", EntryPoint = "close", SetLastError = true, ExactSpelling = true)]
        public static extern int Close(int descriptor);
    }
}
