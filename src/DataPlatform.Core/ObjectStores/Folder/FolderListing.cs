namespace DataPlatform.ObjectStores.Folder;

/// <summary>Lists the files that match a pattern in the order of their keys, one sub-folder in memory at a time.</summary>
internal sealed class FolderListing(string root, ObjectGlob glob, FolderErrors errors)
{
    private static readonly EnumerationOptions Everything = new() { IgnoreInaccessible = false, AttributesToSkip = FileAttributes.None };

    public IEnumerable<ObjectInfo> Read()
    {
        var above = glob.LiteralPrefix[..(glob.LiteralPrefix.LastIndexOf('/') + 1)];
        var folder = Path.TrimEndingDirectorySeparator(Path.Join(root, above));
        return ReadFolder(new Place(above, folder, folder, Above: null));
    }

    private IEnumerable<ObjectInfo> ReadFolder(Place place)
    {
        foreach (var (key, entry) in errors.Guard("list", place.Key.TrimEnd('/'), () => Enumerate(place)))
        {
            if (entry is DirectoryInfo)
            {
                var real = errors.Guard("list", key, () => entry.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.Join(place.RealFolder, entry.Name));
                if (place.IsWithin(real)) continue;
                foreach (var found in ReadFolder(new Place(key, entry.FullName, real, place))) yield return found;
            }
            else if (errors.Guard("list", key, () => Describe(key, (FileInfo)entry)) is { } file)
            {
                yield return file;
            }
        }
    }

    // A sub-folder sorts by its name with the slash that follows it in the keys of what it holds.
    private List<(string Key, FileSystemInfo Entry)> Enumerate(Place place)
    {
        var found = new List<(string Key, FileSystemInfo Entry)>();
        try
        {
            foreach (var entry in new DirectoryInfo(place.Folder).EnumerateFileSystemInfos("*", Everything))
            {
                var key = place.Key + entry.Name;
                if (!ObjectKey.IsValid(key)) continue;
                if (entry is DirectoryInfo) key += "/";
                if (entry is DirectoryInfo ? !glob.StaysInFolder && IsOnPrefix(key) : glob.IsMatch(key)) found.Add((key, entry));
            }
        }
        catch (DirectoryNotFoundException)
        {
            errors.ThrowIfFolderMissing();
        }

        found.Sort((a, b) => ObjectKey.Order.Compare(a.Key, b.Key));
        return found;
    }

    private bool IsOnPrefix(string key) =>
        key.StartsWith(glob.LiteralPrefix, StringComparison.Ordinal) || glob.LiteralPrefix.StartsWith(key, StringComparison.Ordinal);

    // Null when the file was deleted since it was listed, or is a link to nothing.
    private static ObjectInfo? Describe(string key, FileInfo file)
    {
        try
        {
            if (file.Attributes.HasFlag(FileAttributes.ReparsePoint)) file = (FileInfo)file.ResolveLinkTarget(returnFinalTarget: true)!;
            return file.Exists ? FolderObjectStore.Describe(key, file) : null;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>A sub-folder on the way down.</summary>
    /// <param name="Key">What the keys in it begin with.</param>
    /// <param name="Folder">Its path.</param>
    /// <param name="RealFolder">Its path when it was reached by a link: where the link leads.</param>
    /// <param name="Above">The one it is in.</param>
    private sealed record Place(string Key, string Folder, string RealFolder, Place? Above)
    {
        /// <summary>Whether it is that folder or somewhere below, so that a link from here to there leads round in circles.</summary>
        public bool IsWithin(string realFolder) =>
            RealFolder == realFolder
            || RealFolder.StartsWith(Path.TrimEndingDirectorySeparator(realFolder) + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            || (Above?.IsWithin(realFolder) ?? false);
    }
}
