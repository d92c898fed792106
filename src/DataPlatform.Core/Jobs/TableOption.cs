using System.CommandLine;
using DataPlatform.Warehouses;

namespace DataPlatform.Jobs;

/// <summary>The option <c>--table schema.name</c> of commands.</summary>
public static class TableOption
{
    /// <summary>Makes the option.</summary>
    /// <param name="description">What it does, for the help.</param>
    public static Option<TableName?> Create(string description) => new("--table")
    {
        Description = description,
        HelpName = "schema.table",
        CustomParser = argument =>
        {
            if (argument.Tokens[0].Value.Split('.') is [{ Length: > 0 } schema, { Length: > 0 } name]) return new TableName(schema, name);
            argument.AddError($"'{argument.Tokens[0].Value}' does not name a table: write it as schema.name, for example raw.trips.");
            return null;
        },
    };
}
