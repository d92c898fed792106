using Apache.Arrow;
using Apache.Arrow.Types;
using DataPlatform.Testing;
using DataPlatform.Warehouses;
using Npgsql;

namespace DataPlatform.Integration.Tests.Warehouses;

public sealed class PostgreSqlReplacementTests : PostgreSqlTests
{
    private static readonly Schema Ids = new([new Field("id", Int64Type.Default, nullable: false)], metadata: null);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await ExecuteAsync("CREATE SCHEMA mart");
    }

    [Fact]
    public async Task A_table_that_a_view_needs_is_not_replaced_by_one_with_other_columns()
    {
        await ReplaceAsync("SELECT 1 AS id, 2 AS other");
        await ExecuteAsync("CREATE VIEW mart.\"Some view\" AS SELECT id FROM mart.target; CREATE MATERIALIZED VIEW mart.stored AS SELECT id FROM mart.target");
        var failure = await FailAsync(() => ReplaceAsync("SELECT 'x' AS id"));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("mart.target").And.Contain("mart.\"Some view\"").And.Contain("mart.stored");
        (await ReadAsync("SELECT * FROM mart.target")).ShouldEqual([[1, 2]]);
    }

    [Fact]
    public async Task A_view_that_is_made_of_a_table_at_the_moment_stays()
    {
        await ReplaceAsync("SELECT 1 AS id");
        await using var other = new NpgsqlConnection(Database.ConnectionString);
        await other.OpenAsync(Cancelled);
        await using var making = await other.BeginTransactionAsync(Cancelled);
        await using (var command = new NpgsqlCommand("CREATE VIEW mart.above AS SELECT id FROM mart.target", other, making)) await command.ExecuteNonQueryAsync(Cancelled);

        var replacing = ReplaceAsync("SELECT 2 AS id");
        while (!replacing.IsCompleted && (await QueryAsync("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'mart.target'::regclass"))[0][0] is 0L) await Task.Yield();
        await making.CommitAsync(Cancelled);

        await replacing;
        (await ReadAsync("SELECT id FROM mart.above")).ShouldEqual([[2]]);
    }

    [Fact]
    public async Task A_view_that_a_view_needs_may_gain_columns_but_not_lose_them()
    {
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.target", "SELECT 1 AS id", Cancelled));
        await ExecuteAsync("CREATE VIEW mart.above AS SELECT id FROM mart.target");
        await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.target", "SELECT 2 AS id, 'x' AS more", Cancelled));
        (await ReadAsync("SELECT above.id, more FROM mart.target JOIN mart.above ON above.id = target.id")).ShouldEqual([[2, "x"]]);
        var failure = await FailAsync(() => InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.target", "SELECT 'x' AS more", Cancelled)));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("mart.above");
    }

    [Fact]
    public async Task Foreign_keys_on_a_table_are_named()
    {
        await ExecuteAsync("CREATE TABLE mart.target (id int PRIMARY KEY); CREATE TABLE mart.child (id int REFERENCES mart.target)");
        var failure = await FailAsync(() => ReplaceAsync("SELECT 'x' AS id"));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("mart.child (foreign key)");
    }

    [Fact]
    public async Task Row_security_policies_are_kept_or_named()
    {
        await ExecuteAsync("CREATE TABLE mart.target (id int); ALTER TABLE mart.target ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON mart.target USING (id > 1)");
        await ReplaceAsync("SELECT 2 AS id");
        (await QueryAsync("SELECT polname::text FROM pg_policy")).ShouldEqual([["own"]]);
        (await FailAsync(() => ReplaceAsync("SELECT 'x' AS id"))).Message.Should().Contain("row security policy own");
    }

    [Fact]
    public async Task Keys_indexes_and_triggers_stay_when_the_columns_do()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync("mart.target", Ids, ["id"], Cancelled));
        await ExecuteAsync("""
            CREATE INDEX extra ON mart.target (id DESC);
            CREATE FUNCTION mart.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
            CREATE TRIGGER touch BEFORE INSERT ON mart.target FOR EACH ROW EXECUTE FUNCTION mart.touch();
            """);
        await ReplaceAsync("SELECT 1::bigint AS id");
        await ReplaceAsync("SELECT id + 1 AS id FROM mart.target UNION ALL SELECT 5");
        (await ReadAsync("SELECT id FROM mart.target ORDER BY id")).ShouldEqual([[2L], [5L]]);
        (await QueryAsync("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'mart.target'::regclass ORDER BY 1")).ShouldEqual([["mart.extra"], ["mart.target_pkey"]]);
        (await QueryAsync("SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'mart.target'::regclass")).ShouldEqual([["touch"]]);
        (await FailAsync(() => ReplaceAsync("SELECT 1::bigint AS id UNION ALL SELECT 1"))).FailureClass.Should().Be(FailureClass.Data);
    }

    [Fact]
    public async Task Privileges_owner_and_comment_stay()
    {
        var (reader, owner) = ($"reader {Guid.NewGuid():N}", $"owner {Guid.NewGuid():N}");
        await ExecuteAsync($"CREATE ROLE \"{reader}\"; CREATE ROLE \"{owner}\"; GRANT CREATE, USAGE ON SCHEMA mart TO \"{owner}\"");
        try
        {
            await ExecuteAsync($"""
                ALTER DEFAULT PRIVILEGES IN SCHEMA mart GRANT SELECT, DELETE ON TABLES TO PUBLIC;
                CREATE TABLE mart.target (id int);
                REVOKE ALL ON mart.target FROM PUBLIC;
                GRANT SELECT ON mart.target TO "{reader}" WITH GRANT OPTION;
                GRANT INSERT ON mart.target TO "{reader}";
                COMMENT ON TABLE mart.target IS 'it''s the target';
                ALTER TABLE mart.target OWNER TO "{owner}";
                """);
            const string Sql = """
                SELECT relkind::text, pg_get_userbyid(relowner)::text, obj_description(oid, 'pg_class'),
                    (SELECT string_agg(format('%s %s %s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type, is_grantable), ', ' ORDER BY grantee, privilege_type)
                     FROM aclexplode(relacl) WHERE grantee <> relowner)
                FROM pg_class WHERE oid = 'mart.target'::regclass
                """;
            var before = (await QueryAsync(Sql))[0];
            before.Should().Equal("r", owner, "it's the target", $"{reader} INSERT f, {reader} SELECT t");
            await ReplaceAsync("SELECT 'x' AS other");
            (await QueryAsync(Sql))[0].Should().Equal(before);
            await InTransactionAsync(transaction => transaction.ReplaceViewAsync("mart.target", "SELECT 1 AS v", Cancelled));
            (await QueryAsync(Sql))[0].Should().Equal(["v", .. before[1..]]);
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY \"{reader}\", \"{owner}\"; DROP ROLE \"{reader}\", \"{owner}\"");
        }
    }

    [Fact]
    public async Task A_materialized_view_gives_way_to_a_table()
    {
        await ExecuteAsync("CREATE MATERIALIZED VIEW mart.target AS SELECT 1 AS id");
        await ReplaceAsync("SELECT 2 AS id");
        (await QueryAsync("SELECT relkind::text FROM pg_class WHERE oid = 'mart.target'::regclass")).ShouldEqual([["r"]]);
        (await ReadAsync("SELECT id FROM mart.target")).ShouldEqual([[2]]);
    }

    [Fact]
    public async Task Two_who_replace_a_table_at_once_do_so_one_after_the_other()
    {
        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => ReplaceAsync($"SELECT {i} AS id, 'x' AS c{i}"), Cancelled)));
        (await ReadAsync("SELECT id FROM mart.target")).Should().ContainSingle();
    }

    [Fact]
    public async Task Readers_are_not_blocked_while_rows_are_moved_into_a_table_that_stays()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync("mart.target", Ids, ["id"], Cancelled));
        await ReplaceAsync("SELECT 1::bigint AS id");
        await using var transaction = await Warehouse.BeginAsync(Cancelled);
        await transaction.ReplaceTableAsync("mart.target", "SELECT 2::bigint AS id", Cancelled);
        await using (var reader = await Warehouse.BeginAsync(Cancelled))
        {
            await reader.ExecuteAsync("SET LOCAL lock_timeout = '5s'", null, Cancelled);
            (await reader.QueryAsync("SELECT id FROM mart.target", null, Cancelled)).ShouldEqual([[1L]]);
        }

        await transaction.CommitAsync(Cancelled);
        (await ReadAsync("SELECT id FROM mart.target")).ShouldEqual([[2L]]);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("CREATE INDEX ON mart.target (id)", false)]
    [InlineData("CREATE UNIQUE INDEX ON mart.target (id) WHERE id > 5", false)]
    [InlineData("CREATE UNIQUE INDEX ON mart.target (abs(id))", false)]
    [InlineData("CREATE UNIQUE INDEX ON mart.target (id, n)", false)]
    [InlineData("ALTER TABLE mart.target ADD UNIQUE (id) DEFERRABLE", false)]
    [InlineData("CREATE UNIQUE INDEX ON mart.target (id)", true)]
    [InlineData("CREATE UNIQUE INDEX ON mart.target (id) INCLUDE (n)", true)]
    public async Task A_merge_needs_a_unique_index_on_its_key(string index, bool enough)
    {
        await ExecuteAsync($"CREATE TABLE mart.target (id bigint, n int); {index}");
        var merge = () => InTransactionAsync(async transaction =>
        {
            await using var writer = await transaction.BeginMergeAsync("mart.target", Ids, new MergeOptions("id"), Cancelled);
            using var batch = RecordBatches.Create(Ids, [[1L]]);
            await writer.WriteAsync(batch, Cancelled);
            await writer.CompleteAsync(Cancelled);
        });
        if (enough)
        {
            await merge();
            (await ReadAsync("SELECT id FROM mart.target")).ShouldEqual([[1L]]);
            return;
        }

        var failure = await FailAsync(merge);
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("mart.target").And.Contain("(id)");
        failure.Hint.Should().Be("Run: CREATE UNIQUE INDEX ON \"mart\".\"target\" (\"id\");");
    }

    [Fact]
    public async Task A_key_of_several_columns_may_be_in_any_order()
    {
        await ExecuteAsync("CREATE TABLE mart.target (a bigint, b bigint, UNIQUE (b, a))");
        var schema = new Schema([new Field("a", Int64Type.Default, false), new Field("b", Int64Type.Default, false)], null);
        await InTransactionAsync(async transaction =>
        {
            await using var writer = await transaction.BeginMergeAsync("mart.target", schema, new MergeOptions("a", "b"), Cancelled);
            using var batch = RecordBatches.Create(schema, [[1L, 2L], [2L, 1L], [1L, 2L]]);
            await writer.WriteAsync(batch, Cancelled);
            (await writer.CompleteAsync(Cancelled)).Should().Be(new BulkWriteResult(2, 1));
        });
    }

    [Fact]
    public async Task Two_merges_fit_into_one_transaction_and_leave_no_temporary_table_behind()
    {
        await InTransactionAsync(transaction => transaction.CreateTableAsync("mart.target", Ids, ["id"], Cancelled));
        await using var connection = (NpgsqlConnection)await Warehouse.OpenConnectionAsync(Cancelled);
        await InTransactionAsync(async transaction =>
        {
            for (var i = 0; i < 2; i++)
            {
                await using var writer = await transaction.BeginMergeAsync("mart.target", Ids, new MergeOptions("id"), Cancelled);
                using var batch = RecordBatches.Create(Ids, [[1L], [2L + i]]);
                await writer.WriteAsync(batch, Cancelled);
                await writer.CompleteAsync(Cancelled);
            }
        });
        (await ReadAsync("SELECT id FROM mart.target ORDER BY id")).ShouldEqual([[1L], [2L], [3L]]);
        (await QueryAsync("SELECT count(*) FROM pg_class WHERE relname LIKE '\\_merge\\_%'")).ShouldEqual([[0L]]);
    }

    private Task ReplaceAsync(string selectSql) => InTransactionAsync(transaction => transaction.ReplaceTableAsync("mart.target", selectSql, Cancelled));
}
