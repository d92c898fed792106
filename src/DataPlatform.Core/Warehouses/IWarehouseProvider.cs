namespace DataPlatform.Warehouses;

/// <summary>Opens warehouses of one kind. A connection string picks the provider: the first registered one that recognises it.</summary>
public interface IWarehouseProvider
{
    /// <summary>Examples of connection strings it opens, shown when none does: <c>Host=…;Database=…</c>.</summary>
    string Example { get; }

    /// <summary>Whether the connection string is one of its kind. Looks at the text only.</summary>
    bool Recognizes(string connectionString);

    /// <summary>Opens the warehouse without connecting yet.</summary>
    /// <exception cref="DataPlatformException">The connection string cannot be read.</exception>
    IWarehouse Open(string name, string connectionString);
}
