using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Configuration;

namespace DataPlatform.ObjectStores;

/// <summary>Reads the settings of a store from its section of the configuration.</summary>
internal static class ObjectStoreSettings
{
    /// <summary>Reads the section.</summary>
    /// <param name="name">The store's name.</param>
    /// <param name="read">Reads it, with <see cref="Strictly"/>. Code for a type is generated where it is named.</param>
    public static TOptions Read<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>(string name, Func<TOptions?> read) where TOptions : class, new()
    {
        try
        {
            return read() ?? new TOptions();
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

    /// <summary>A setting that does not exist is an error, so that a typing mistake does not pass in silence.</summary>
    public static void Strictly(BinderOptions binder) => binder.ErrorOnUnknownConfiguration = true;
}
