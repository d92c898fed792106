using Microsoft.Extensions.Configuration;

namespace DataPlatform.ObjectStores;

/// <summary>Reads the settings of a store from its section of the configuration.</summary>
internal static class ObjectStoreSettings
{
    /// <summary>Reads the section. A setting that does not exist is an error, so that a typing mistake does not pass in silence.</summary>
    public static TOptions Read<TOptions>(string name, IConfiguration settings) where TOptions : class, new()
    {
        try
        {
            return settings.Get<TOptions>(binder => binder.ErrorOnUnknownConfiguration = true) ?? new TOptions();
        }
        catch (InvalidOperationException e)
        {
            throw new ObjectStoreException(
                FailureClass.Configuration,
                $"The settings of object store '{name}', {ObjectStoreOpener.SettingsSection(name)}, cannot be read: {e.Message}",
                $"The settings there are: {string.Join(", ", typeof(TOptions).GetProperties().Select(property => property.Name))}.",
                e);
        }
    }
}
