using System.Security.Cryptography;
using System.Text;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>
/// Puts the result of a query, or a view of it, in the place of the table or view of a name. The new one is built beside the old one first;
/// then the old one goes and the new one takes its name, owner, privileges and comment.
/// </summary>
internal sealed class Replacement(PostgreSqlTransaction transaction, TableName name, string selectSql)
{
    private readonly TableName _new = new(name.Schema, $"_replacement_{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name.Name)))[..16]}");
    private readonly string _nameSql = Identifiers.Quote(name);

    private string NewSql => Identifiers.Quote(_new);

    public async Task<long> ReplaceTableAsync(CancellationToken cancellationToken)
    {
        var (rows, built) = await BuildAsync("TABLE", cancellationToken).ConfigureAwait(false);
        async Task<bool> KeepsAsync(Relation old) => old.IsTable && (old.HasAttachments || old.Dependents.Count > 0) && await HaveSameColumnsAsync(old, built, cancellationToken).ConfigureAwait(false);
        var (old, isKept) = await FindOldAsync(KeepsAsync, cancellationToken).ConfigureAwait(false);
        if (isKept)
        {
            await MoveRowsAsync(built, cancellationToken).ConfigureAwait(false);
            return rows;
        }

        await TakePlaceAsync("TABLE", old, built, cancellationToken).ConfigureAwait(false);
        await ExecuteAsync($"ANALYZE {_nameSql}", cancellationToken).ConfigureAwait(false);
        return rows;
    }

    public async Task ReplaceViewAsync(CancellationToken cancellationToken)
    {
        var (_, built) = await BuildAsync("VIEW", cancellationToken).ConfigureAwait(false);
        async Task<bool> KeepsAsync(Relation old) => old is { IsView: true, Dependents.Count: > 0 } && await BeginsWithColumnsAsync(built, old, cancellationToken).ConfigureAwait(false);
        var (old, isKept) = await FindOldAsync(KeepsAsync, cancellationToken).ConfigureAwait(false);
        if (isKept)
        {
            await ExecuteAsync($"DROP VIEW {NewSql}", cancellationToken).ConfigureAwait(false);
            await ExecuteSelectAsync($"CREATE OR REPLACE VIEW {_nameSql} AS\n", cancellationToken).ConfigureAwait(false);
            return;
        }

        await TakePlaceAsync("VIEW", old, built, cancellationToken).ConfigureAwait(false);
    }

    private async Task<(long Rows, Relation Built)> BuildAsync(string kind, CancellationToken cancellationToken)
    {
        await transaction.LockNameAsync(name, cancellationToken).ConfigureAwait(false);
        await transaction.CreateSchemaAsync(name.Schema, cancellationToken).ConfigureAwait(false);
        var rows = await ExecuteSelectAsync($"CREATE {kind} {NewSql} AS\n", cancellationToken).ConfigureAwait(false);
        var built = await transaction.FindAsync(_new, cancellationToken).ConfigureAwait(false);
        return (rows, built!);
    }

    // Locked unless it is kept: a view may be made of it at this moment, which is only then seen.
    private async Task<(Relation? Old, bool IsKept)> FindOldAsync(Func<Relation, Task<bool>> keepsAsync, CancellationToken cancellationToken)
    {
        var old = await transaction.FindAsync(name, cancellationToken).ConfigureAwait(false);
        if (old is null) return (null, false);
        if (await keepsAsync(old).ConfigureAwait(false)) return (old, true);
        if (old.Kind is not ('r' or 'p' or 'v')) return (old, false);
        await ExecuteAsync($"LOCK TABLE {_nameSql} IN ACCESS EXCLUSIVE MODE", cancellationToken).ConfigureAwait(false);
        old = await transaction.FindAsync(name, cancellationToken).ConfigureAwait(false);
        return (old, old is not null && await keepsAsync(old).ConfigureAwait(false));
    }

    private async Task TakePlaceAsync(string kind, Relation? old, Relation built, CancellationToken cancellationToken)
    {
        if (old is not null)
        {
            if (old.Dependents.Count > 0) throw InUse(old);
            foreach (var statement in await transaction.ListGrantsAsync(old, built, _new, cancellationToken).ConfigureAwait(false))
                await ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
            await ExecuteAsync($"DROP {old.KindSql} {_nameSql}", cancellationToken).ConfigureAwait(false);
        }

        await ExecuteAsync($"ALTER {kind} {NewSql} RENAME TO {Identifiers.Quote(name.Name)}", cancellationToken).ConfigureAwait(false);
    }

    // Keeps the table and all that hangs on it. Readers are not blocked: they see the old rows until the commit.
    private async Task MoveRowsAsync(Relation built, CancellationToken cancellationToken)
    {
        var columns = Identifiers.QuoteList((await transaction.ListColumnsAsync(built, cancellationToken).ConfigureAwait(false)).Select(column => column.Name));
        await ExecuteAsync($"DELETE FROM {_nameSql}", cancellationToken).ConfigureAwait(false);
        await ExecuteAsync($"INSERT INTO {_nameSql} ({columns}) SELECT {columns} FROM {NewSql}", cancellationToken).ConfigureAwait(false);
        await ExecuteAsync($"DROP TABLE {NewSql}", cancellationToken).ConfigureAwait(false);
    }

    private async Task<bool> HaveSameColumnsAsync(Relation left, Relation right, CancellationToken cancellationToken) =>
        (await TypedNamesAsync(left, cancellationToken).ConfigureAwait(false)).ToHashSet().SetEquals(await TypedNamesAsync(right, cancellationToken).ConfigureAwait(false));

    // What CREATE OR REPLACE VIEW asks for: more columns may follow, the others stay.
    private async Task<bool> BeginsWithColumnsAsync(Relation longer, Relation shorter, CancellationToken cancellationToken)
    {
        var first = await TypedNamesAsync(shorter, cancellationToken).ConfigureAwait(false);
        return (await TypedNamesAsync(longer, cancellationToken).ConfigureAwait(false)).Take(first.Count).SequenceEqual(first);
    }

    private async Task<List<(string Name, string Type)>> TypedNamesAsync(Relation relation, CancellationToken cancellationToken) =>
        [.. (await transaction.ListColumnsAsync(relation, cancellationToken).ConfigureAwait(false)).Select(column => (column.Name, column.TypeName))];

    private Task<long> ExecuteSelectAsync(string prefix, CancellationToken cancellationToken) => transaction.ExecuteSelectAsync(prefix, selectSql, cancellationToken);

    private Task<long> ExecuteAsync(string sql, CancellationToken cancellationToken) => transaction.ExecuteAsync(sql, null, cancellationToken);

    private WarehouseException InUse(Relation old) => transaction.Failed(
        FailureClass.Configuration,
        $"{name} cannot be replaced by one with other columns while these use it: {string.Join(", ", old.Dependents)}.",
        "Drop them first and make them again afterwards, or keep the columns' names and types.");
}
