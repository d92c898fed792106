namespace DataPlatform.Warehouses;

/// <summary>How a registered warehouse is opened. Named options: the name is the warehouse's.</summary>
public sealed class WarehouseOptions
{
    /// <summary>The connection string. When null it is <c>ConnectionStrings:{name}</c> of the configuration.</summary>
    public string? ConnectionString { get; set; }
}

/// <summary>A warehouse that was registered, for those who go through all of them: preflight, <c>doctor</c>.</summary>
/// <param name="Name">Its name, which is its service key.</param>
public sealed record WarehouseRegistration(string Name);
