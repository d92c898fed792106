using System.Globalization;
using DataPlatform.Pipelines;
using DataPlatform.Warehouses;

namespace DataPlatform.Ledger;

/// <summary>Takes one load back, in one transaction under the lease of its step.</summary>
internal sealed class LoadUndo(RunLedger ledger, LoadRecord load)
{
    private const string LoadId = $"\"{LoadTransaction.LoadIdColumn}\"";

    private readonly string _table = load.Table.ToSql();

    public async Task<UndoneLoad> RunAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        // Before the lease, which takes time to wait for, and again under it.
        if (load.Status != "committed") throw NotCommitted();
        var run = new RunInfo($"undo-{load.LoadId}", load.Pipeline, "", DateOnly.FromDateTime(DateTime.UtcNow), null, null);
        await using var lease = await ledger.AcquireLeaseAsync($"{load.Pipeline}/{load.Step}", run, wait, cancellationToken).ConfigureAwait(false);
        await using var transaction = await ledger.Warehouse.BeginAsync(cancellationToken).ConfigureAwait(false);
        var marked = await transaction.ExecuteAsync(
            "UPDATE dataplatform.loads SET status = 'undone' WHERE load_id = $1 AND status = 'committed'", [load.LoadId], cancellationToken).ConfigureAwait(false);
        if (marked == 0) throw NotCommitted();

        await RefuseWhenReplayedAsync(transaction, cancellationToken).ConfigureAwait(false);
        await RewindCursorsAsync(transaction, cancellationToken).ConfigureAwait(false);
        var (removed, restored) = await RestoreRowsAsync(transaction, cancellationToken).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM dataplatform.load_objects WHERE load_id = $1", [load.LoadId], cancellationToken).ConfigureAwait(false);
        await transaction.ExecuteAsync("DELETE FROM dataplatform.quarantine WHERE load_id = $1", [load.LoadId], cancellationToken).ConfigureAwait(false);
        var requeued = await transaction.ExecuteAsync("UPDATE dataplatform.quarantine SET replayed_by = NULL WHERE replayed_by = $1", [load.LoadId], cancellationToken).ConfigureAwait(false);
        await ledger.AuditAsync(
            transaction, new AuditEvent("load.undo", load.Table.ToString(), load.RunId, $"load {load.LoadId}: {removed} rows removed, {restored} put back{(requeued > 0 ? $", {requeued} in quarantine again" : "")}"), cancellationToken).ConfigureAwait(false);
        await lease.CommitAsync(transaction, cancellationToken).ConfigureAwait(false);
        return new UndoneLoad(load with { Status = "undone" }, removed, restored, requeued);
    }

    // The source is read again after this, and would bring the rows that were replayed a second time.
    private async Task RefuseWhenReplayedAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken)
    {
        var rows = await transaction.QueryAsync("SELECT max(replayed_by) FROM dataplatform.quarantine WHERE load_id = $1", [load.LoadId], cancellationToken).ConfigureAwait(false);
        if (rows[0][0] is { } replay)
            throw Refused(string.Create(CultureInfo.InvariantCulture, $"load {replay} has replayed rows that it rejected"), string.Create(CultureInfo.InvariantCulture, $"Undo that one first: loads undo {replay}"));
    }

    private async Task<(long Removed, long Restored)> RestoreRowsAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken)
    {
        if (load.Disposition == "land") throw Refused("its rows are files in the lake and in no table", "Delete the load's manifest and files there.");
        var columns = (await transaction.DescribeAsync(load.Table, cancellationToken).ConfigureAwait(false))?.FieldsList.Select(field => field.Name).ToList()
            ?? throw Refused($"there is no table {load.Table} any more", "A table that is gone is loaded anew by the next run.");
        if (!columns.Contains(LoadTransaction.LoadIdColumn)) throw Refused($"{load.Table} has no column {LoadTransaction.LoadIdColumn} any more", "Load the table anew.");
        if (await BeforeImages.FindAsync(transaction, load.LoadId, cancellationToken).ConfigureAwait(false) is { } images)
            return await RestoreImagesAsync(transaction, images, columns, cancellationToken).ConfigureAwait(false);

        switch (load.Disposition)
        {
            case "append" or "insert-only":
                var removed = await RemoveAsync(transaction, cancellationToken).ConfigureAwait(false);
                if (removed == 0 && load.Rows.Written > 0) throw await RowsChangedAsync(transaction, 0, cancellationToken).ConfigureAwait(false);
                return (removed, 0);
            case "replace" or "view":
                throw Refused("it replaced all that was there before", "Correct the source, or the query, and run the step again.");
            default:
                throw Refused(
                    $"the rows that it replaced were not kept, or it is not among the {BeforeImages.LoadsKept} latest loads of {load.Table} that kept them",
                    "Correct the source and load again. For loads to come: load.Merge(…).KeepBeforeImages().");
        }
    }

    private async Task<(long Removed, long Restored)> RestoreImagesAsync(
        IWarehouseTransaction transaction, BeforeImages images, List<string> columns, CancellationToken cancellationToken)
    {
        var kept = images.Table.ToSql();
        var later = await transaction.QueryAsync(
            $"SELECT min(t.{LoadId}) FROM {_table} AS t WHERE t.{LoadId} > $1 AND EXISTS (SELECT 1 FROM {kept} AS i WHERE {Match(images.Key)})", [load.LoadId], cancellationToken).ConfigureAwait(false);
        if (later[0][0] is { } id)
            throw Refused(string.Create(CultureInfo.InvariantCulture, $"load {id} has changed some of the same keys since"), string.Create(CultureInfo.InvariantCulture, $"Undo that one first: loads undo {id}"));

        var isCurrent = images.ValidToColumn is { } to ? $" AND {TableName.Quote(to)} IS NULL" : "";
        var counted = await transaction.QueryAsync($"SELECT count(*) FROM {_table} WHERE {LoadId} = $1{isCurrent}", [load.LoadId], cancellationToken).ConfigureAwait(false);
        var left = Convert.ToInt64(counted[0][0], CultureInfo.InvariantCulture);
        if (left != load.Rows.Written) throw await RowsChangedAsync(transaction, left, cancellationToken).ConfigureAwait(false);

        var removed = await RemoveAsync(transaction, cancellationToken).ConfigureAwait(false);
        var existed = TableName.Quote(MergeOptions.ExistedColumn);
        if (images.ValidFromColumn is { } from)
        {
            // Versions that the load closed are there still, as closed ones.
            await transaction.ExecuteAsync(
                $"DELETE FROM {_table} AS t WHERE EXISTS (SELECT 1 FROM {kept} AS i WHERE i.{existed} AND {Match([.. images.Key, from])})", cancellationToken: cancellationToken).ConfigureAwait(false);
        }

        var known = (await transaction.DescribeAsync(images.Table, cancellationToken).ConfigureAwait(false))!.FieldsList.Select(field => field.Name);
        var list = string.Join(", ", columns.Intersect(known, StringComparer.Ordinal).Select(TableName.Quote));
        var restored = await transaction.ExecuteAsync($"INSERT INTO {_table} ({list}) SELECT {list} FROM {kept} WHERE {existed}", cancellationToken: cancellationToken).ConfigureAwait(false);
        await BeforeImages.DropAsync(transaction, load.LoadId, images.Table, cancellationToken).ConfigureAwait(false);
        return (removed, restored);
    }

    // A cursor of a later load says that what this one read is done with.
    private async Task RewindCursorsAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken)
    {
        var changes = await transaction.QueryAsync(
            """
            SELECT h.name, h.previous_value, h.previous_load_id, c.load_id
            FROM dataplatform.cursor_history AS h
            LEFT JOIN dataplatform.cursors AS c ON c.pipeline = h.pipeline AND c.step = h.step AND c.name = h.name
            WHERE h.load_id = $1
            """,
            [load.LoadId], cancellationToken).ConfigureAwait(false);
        foreach (var change in changes)
        {
            var (name, value, previous) = ((string)change[0]!, (string?)change[1], change[2]);
            if (change[3] is { } current && Convert.ToInt64(current, CultureInfo.InvariantCulture) != load.LoadId)
                throw Refused(string.Create(CultureInfo.InvariantCulture, $"load {current} has gone on reading behind it"), string.Create(CultureInfo.InvariantCulture, $"Undo that one first: loads undo {current}"));
            if (value is null)
            {
                await transaction.ExecuteAsync(
                    "DELETE FROM dataplatform.cursors WHERE pipeline = $1 AND step = $2 AND name = $3", [load.Pipeline, load.Step, name], cancellationToken).ConfigureAwait(false);
                continue;
            }

            await transaction.ExecuteAsync(
                "UPDATE dataplatform.cursors SET value = $4, load_id = $5, updated_at = now() WHERE pipeline = $1 AND step = $2 AND name = $3",
                [load.Pipeline, load.Step, name, value, previous], cancellationToken).ConfigureAwait(false);
        }

        await transaction.ExecuteAsync("DELETE FROM dataplatform.cursor_history WHERE load_id = $1", [load.LoadId], cancellationToken).ConfigureAwait(false);
    }

    private Task<long> RemoveAsync(IWarehouseTransaction transaction, CancellationToken cancellationToken) =>
        transaction.ExecuteAsync($"DELETE FROM {_table} WHERE {LoadId} = $1", [load.LoadId], cancellationToken);

    private static string Match(IEnumerable<string> columns) => string.Join(" AND ", columns.Select(TableName.Quote).Select(column => $"t.{column} = i.{column}"));

    private async Task<DataPlatformException> RowsChangedAsync(IWarehouseTransaction transaction, long left, CancellationToken cancellationToken)
    {
        var later = await transaction.QueryAsync(
            "SELECT load_id FROM dataplatform.loads WHERE table_name = $1 AND load_id > $2 AND status = 'committed' ORDER BY load_id DESC LIMIT 5", [load.Table.ToString(), load.LoadId],
            cancellationToken).ConfigureAwait(false);
        var loads = string.Join(", ", later.Select(row => row[0]));
        return Refused(
            string.Create(CultureInfo.InvariantCulture, $"of the {load.Rows.Written} rows that it wrote {left} are in {load.Table} as it left them"),
            later.Count == 0 ? "Something other than a load has changed them: put the table right by hand." : $"Loads that came later: {loads}. Undo them first, the latest before the others.");
    }

    private DataPlatformException NotCommitted() => load.Status == "failed"
        ? Refused("it failed, so nothing of it was ever in the table", "There is nothing to do.")
        : Refused("it is undone already", "There is nothing to do.");

    private DataPlatformException Refused(string reason, string hint) => new(
        FailureClass.Configuration, string.Create(CultureInfo.InvariantCulture, $"Load {load.LoadId} into {load.Table} cannot be undone: {reason}."), hint);
}
