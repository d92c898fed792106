using Microsoft.Extensions.Configuration;

namespace DataPlatform.ObjectStores;

/// <summary>Opens object stores of one kind. A connection string picks the provider: the first registered one that recognises it.</summary>
public interface IObjectStoreProvider
{
    /// <summary>Examples of connection strings it opens, shown when none does: <c>s3://bucket/prefix</c>.</summary>
    string Example { get; }

    /// <summary>Whether the connection string is one of its kind. Looks at the text only.</summary>
    bool Recognizes(string connectionString);

    /// <summary>Opens the store without connecting yet.</summary>
    /// <param name="name">The store's name.</param>
    /// <param name="connectionString">Its connection string.</param>
    /// <param name="settings">The section <c>DataPlatform:ObjectStores:{name}</c> with settings of its kind.</param>
    /// <exception cref="DataPlatformException">The connection string or a setting cannot be read.</exception>
    IObjectStore Open(string name, string connectionString, IConfiguration settings);
}
