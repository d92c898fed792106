using Npgsql;

namespace DataPlatform.Warehouses.PostgreSql;

/// <summary>Asks the system catalog of the connection's database about tables and views.</summary>
internal sealed class Catalog(NpgsqlConnection connection)
{
    // Relations that have rows: tables, partitioned and foreign tables, views, materialized views.
    private const string IsOfName = "c.relnamespace = to_regnamespace(quote_ident($1)) AND c.relname = $2 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')";

    private const string ExistsSql = $"SELECT EXISTS (SELECT FROM pg_class c WHERE {IsOfName})";

    private const string FindRelationSql = $"""
        SELECT c.oid, c.relkind::text,
            c.relkind IN ('p', 'f') OR c.relispartition OR c.relrowsecurity
                OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid)
                OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid)
                OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid)
                OR EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = c.oid)
                OR EXISTS (SELECT FROM pg_publication_rel p WHERE p.prrelid = c.oid) AS has_attachments,
            ARRAY(
                SELECT DISTINCT v.oid::regclass::text
                FROM pg_depend d
                JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                JOIN pg_class v ON v.oid = r.ev_class
                WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND v.oid <> c.oid
                UNION ALL
                SELECT k.conrelid::regclass::text || ' (foreign key)' FROM pg_constraint k WHERE k.confrelid = c.oid AND k.conrelid <> c.oid
                UNION ALL
                SELECT 'row security policy ' || p.polname FROM pg_policy p WHERE p.polrelid = c.oid) AS dependents
        FROM pg_class c
        WHERE {IsOfName}
        """;

    // A table without columns is a row of NULLs.
    private const string ListColumnsSql = """
        SELECT a.attname, coalesce(nullif(t.typbasetype, 0), t.oid), format_type(a.atttypid, a.atttypmod),
            CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
            t.typtype = 'e' OR t.typname = 'citext', NOT (a.attnotnull OR t.typnotnull),
            NOT EXISTS (SELECT FROM pg_collation k WHERE k.oid = a.attcollation AND NOT k.collisdeterministic), c.oid
        FROM pg_class c
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_type t ON t.oid = a.atttypid
        WHERE
        """;

    // An index that INSERT … ON CONFLICT can use: on these columns alone and on all rows.
    private const string HasUniqueIndexSql = """
        SELECT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
                AND (SELECT array_agg(a.attname::text ORDER BY a.attname::text)
                     FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k(attnum)
                     JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
                    = (SELECT array_agg(name ORDER BY name) FROM unnest($2) AS name))
        """;

    private const string ListViewsOfColumnsSql = """
        SELECT DISTINCT r.ev_class::regclass::text
        FROM pg_depend d
        JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND a.attname::text = ANY($2) AND r.ev_class <> d.refobjid
        ORDER BY 1
        """;

    private const string ListGrantsSql = """
        WITH grants AS (
            SELECT c.oid, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
                a.privilege_type AS privilege, a.is_grantable
            FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid IN ($1, $2) AND a.grantee <> c.relowner),
        statements AS (
            SELECT 1 AS step, format('REVOKE ALL ON TABLE %s FROM %s', $3, grantee) AS sql FROM grants WHERE oid = $2
            UNION ALL
            SELECT 2, format('GRANT %s ON TABLE %s TO %s%s', privilege, $3, grantee, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
            FROM grants WHERE oid = $1
            UNION ALL
            SELECT 3, format('COMMENT ON %s %s IS %L', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, $3, obj_description($1, 'pg_class'))
            FROM pg_class WHERE oid = $2 AND obj_description($1, 'pg_class') IS NOT NULL
            UNION ALL
            SELECT 4, format('ALTER TABLE %s OWNER TO %I', $3, pg_get_userbyid(o.relowner))
            FROM pg_class o JOIN pg_class n ON o.relowner <> n.relowner WHERE o.oid = $1 AND n.oid = $2)
        SELECT sql FROM statements ORDER BY step, sql
        """;

    /// <summary>The table or view of that name, or null.</summary>
    public async Task<Relation?> FindAsync(TableName table, CancellationToken cancellationToken)
    {
        var rows = await QueryAsync(
            FindRelationSql,
            reader => new Relation(reader.GetFieldValue<uint>(0), reader.GetString(1)[0], reader.GetBoolean(2), reader.GetFieldValue<string[]>(3)),
            cancellationToken, table.Schema, table.Name).ConfigureAwait(false);
        return rows is [var relation] ? relation : null;
    }

    /// <summary>Whether there is a table or view of that name.</summary>
    public async Task<bool> ExistsAsync(TableName table, CancellationToken cancellationToken) =>
        (await QueryAsync(ExistsSql, reader => reader.GetBoolean(0), cancellationToken, table.Schema, table.Name).ConfigureAwait(false))[0];

    /// <summary>The table or view of that name with its columns, or null.</summary>
    public async Task<(uint Oid, IReadOnlyList<TableColumn> Columns)?> FindColumnsAsync(TableName table, CancellationToken cancellationToken)
    {
        var rows = await ListColumnsAsync(IsOfName, cancellationToken, table.Schema, table.Name).ConfigureAwait(false);
        return rows is [var (oid, _), ..] ? (oid, [.. rows.Select(row => row.Column).OfType<TableColumn>()]) : null;
    }

    /// <summary>The columns of a table or view.</summary>
    public async Task<List<TableColumn>> ListColumnsAsync(Relation relation, CancellationToken cancellationToken) =>
        [.. (await ListColumnsAsync("c.oid = $1", cancellationToken, Oid(relation.Oid)).ConfigureAwait(false)).Select(row => row.Column).OfType<TableColumn>()];

    private Task<List<(uint Oid, TableColumn? Column)>> ListColumnsAsync(string which, CancellationToken cancellationToken, params object[] parameters) => QueryAsync<(uint, TableColumn?)>(
        $"{ListColumnsSql} {which} ORDER BY a.attnum",
        reader =>
        {
            var oid = reader.GetFieldValue<uint>(7);
            if (reader.IsDBNull(0)) return (oid, null);
            var type = reader.GetFieldValue<uint>(1);
            var (precision, scale) = (PostgreSqlTypes.ElementOf(type) ?? type) == PostgreSqlTypes.Numeric ? ReadNumericModifier(reader.GetInt32(3)) : (null, null);
            var isEqualByBytes = PostgreSqlTypes.IsEqualByBytes(type, reader.GetInt32(3)) && reader.GetBoolean(6);
            return (oid, new TableColumn(reader.GetString(0), type, reader.GetString(2), precision, scale, reader.GetBoolean(4), reader.GetBoolean(5), isEqualByBytes));
        },
        cancellationToken, parameters);

    /// <summary>The views that use one of the columns.</summary>
    public Task<List<string>> ListViewsOfAsync(Relation relation, IEnumerable<string> columns, CancellationToken cancellationToken) =>
        QueryAsync(ListViewsOfColumnsSql, reader => reader.GetString(0), cancellationToken, Oid(relation.Oid), columns.ToArray());

    /// <summary>Whether the database itself keeps these columns unique together.</summary>
    public async Task<bool> HasUniqueIndexAsync(uint relation, IReadOnlyList<string> columns, CancellationToken cancellationToken) =>
        (await QueryAsync(HasUniqueIndexSql, reader => reader.GetBoolean(0), cancellationToken, Oid(relation), columns.ToArray()).ConfigureAwait(false))[0];

    /// <summary>Statements that give a new table or view the owner, the privileges and the comment of the one it takes the place of.</summary>
    public Task<List<string>> ListGrantsAsync(Relation from, Relation to, TableName name, CancellationToken cancellationToken) => QueryAsync(
        ListGrantsSql, reader => reader.GetString(0), cancellationToken, Oid(from.Oid), Oid(to.Oid), Identifiers.Quote(name));

    private async Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params object[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters) command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false)) rows.Add(read(reader));
        return rows;
    }

    private static NpgsqlParameter<uint> Oid(uint oid) => new() { TypedValue = oid, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid };

    // As PostgreSQL's numeric.c packs them; -1 is none.
    private static (int? Precision, int? Scale) ReadNumericModifier(int modifier) =>
        modifier < 0 ? (null, null) : ((modifier - 4) >> 16 & 0xFFFF, modifier - 4 & 0x7FF);
}

/// <summary>A table or view in the catalog.</summary>
/// <param name="Oid">Its object id.</param>
/// <param name="Kind">The catalog's <c>relkind</c>.</param>
/// <param name="HasAttachments">Whether it has what is lost when another table takes its place: indexes, constraints, triggers, partitions, publications.</param>
/// <param name="Dependents">Views, foreign keys and policies that would break.</param>
internal sealed record Relation(uint Oid, char Kind, bool HasAttachments, IReadOnlyList<string> Dependents)
{
    public bool IsView => Kind == 'v';

    public bool IsTable => Kind is 'r' or 'p' or 'f';

    /// <summary>As DROP has it.</summary>
    public string KindSql => Kind switch
    {
        'v' => "VIEW",
        'm' => "MATERIALIZED VIEW",
        'f' => "FOREIGN TABLE",
        _ => "TABLE",
    };
}
