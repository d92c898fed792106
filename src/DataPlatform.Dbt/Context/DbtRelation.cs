using DataPlatform.Dbt.Jinja;
using DataPlatform.Warehouses;

namespace DataPlatform.Dbt.Context;

/// <summary>Where a table or view is, as templates see it: printed it is its quoted name.</summary>
/// <param name="Database">The database.</param>
/// <param name="Schema">The schema.</param>
/// <param name="Identifier">The name in the schema.</param>
/// <param name="Type">table, view, cte or another kind; null when it is not known.</param>
/// <param name="External">What stands in queries for the name, such as a function that reads files; null when the name does.</param>
/// <param name="Reading">The query that stands in templates for the relation, where {0} is its name; null when the name does.</param>
internal sealed record RelationName(string? Database, string? Schema, string? Identifier, string? Type = null, string? External = null, string? Reading = null);

internal sealed class DbtRelation(RelationName name, int quoted = DbtRelation.AllParts, int included = DbtRelation.AllParts) : JinjaObject
{
    public const int DatabasePart = 1, SchemaPart = 2, IdentifierPart = 4, AllParts = 7;

    public RelationName Name { get; } = name;

    public string? Database => Name.Database;

    public string? Schema => Name.Schema;

    public string? Identifier => Name.Identifier;

    public string? Type => Name.Type;

    public override string TypeName => "Relation";

    // Macros of packages tell relations from texts by it.
    public override bool IsMapping => true;

    /// <summary>Schema and name, for a warehouse.</summary>
    public TableName Table => new(Schema!, Identifier!);

    public DbtRelation As(string? type) => new(Name with { Type = type }, quoted, included);

    /// <summary>The name as PostgreSQL keeps it: what is not quoted is lower case.</summary>
    public RelationName Folded => new(Fold(Database, DatabasePart), Fold(Schema, SchemaPart), Fold(Identifier, IdentifierPart));

    public DbtRelation Named(string identifier) => new(Name with { Identifier = identifier }, quoted, included);

    /// <summary>The same relation, of whose name other parts are printed.</summary>
    public DbtRelation Only(int parts) => new(Name, quoted, parts);

    public override bool TryGetAttribute(string name, out object? value)
    {
        value = name switch
        {
            "database" => Database,
            "schema" => Schema,
            "identifier" or "name" or "table" => Identifier,
            "type" => Type,
            "is_table" => Type == "table",
            "is_view" => Type == "view",
            "is_cte" => Type == "cte",
            "is_materialized_view" => Type == "materialized_view",
            "is_function" or "is_pointer" => false,
            "can_be_renamed" => Type is "table" or "view",
            "can_be_replaced" => Type is "table" or "view",
            "Table" => "table",
            "View" => "view",
            "CTE" => "cte",
            "MaterializedView" => "materialized_view",
            "External" => "external",
            "include" => Method("include database? schema? identifier?", a => new DbtRelation(Name, quoted, Change(included, a))),
            "quote" => Method("quote database? schema? identifier?", a => new DbtRelation(Name, Change(quoted, a), included)),
            "render" => Method("render", _ => Render()),
            "without_identifier" => Method("without_identifier", _ => new DbtRelation(Name with { Identifier = null }, quoted, included & ~IdentifierPart)),
            "incorporate" => Method("incorporate path? type?", a => new DbtRelation(
                Path(a.Has(0) ? a[0] as PythonDict : null) with { Type = a.Has(1) ? a.TextOrNull(1) : Type }, quoted, included)),
            "replace_path" => Method("replace_path database? schema? identifier?", a => new DbtRelation(
                new RelationName(a.Has(0) ? a.TextOrNull(0) : Database, a.Has(1) ? a.TextOrNull(1) : Schema, a.Has(2) ? a.TextOrNull(2) : Identifier, Type), quoted, included)),
            "information_schema" => Method("information_schema view?", a => new DbtRelation(
                new RelationName(Database, "INFORMATION_SCHEMA", a.TextOrNull(0), "view"), DatabasePart, a.TextOrNull(0) is null ? DatabasePart | SchemaPart : 7)),
            "quoted" => Method("quoted identifier", a => TableName.Quote(a.Text(0))),
            "metadata" => new PythonDict { ["type"] = "Relation" },
            "get" => Method("get key default?", a => TryGetAttribute(a.Text(0), out var found) ? found : a.Or(1, null)),
            "create" => CreateFunction(quoted),
            _ => throw TemplateObject.Unsupported($"'{name}' of a relation"),
        };
        return true;
    }

    /// <summary><c>api.Relation.create</c>.</summary>
    /// <param name="quoted">The parts that are quoted.</param>
    public static JinjaFunction CreateFunction(int quoted) => new("create", Signature.Of("create database? schema? identifier? type?", (_, a) =>
        new DbtRelation(
            new RelationName(a.TextOrNull(0), a.TextOrNull(1), a.TextOrNull(2), a.TextOrNull(3)), quoted,
            (a.TextOrNull(0) is null ? 0 : DatabasePart) | (a.TextOrNull(1) is null ? 0 : SchemaPart) | (a.TextOrNull(2) is null ? 0 : IdentifierPart))));

    /// <summary>The relation, of which templates read no row: its printed form is a query.</summary>
    /// <param name="needsAlias">Whether the database wants a name for a query in a query.</param>
    public DbtRelation Empty(bool needsAlias) => new(Name with { Reading = $"(select * from {{0}} where false limit 0){(needsAlias ? $" _dbt_limit_subq_{Identifier}" : "")}" }, quoted, included);

    /// <summary>The relation, of which templates read some rows: its printed form is a query.</summary>
    /// <param name="condition">What holds of the rows.</param>
    /// <param name="needsAlias">Whether the database wants a name for a query in a query.</param>
    public DbtRelation Where(string condition, bool needsAlias) => new(
        Name with { Reading = $"(select * from {Name.Reading ?? "{0}"} where {condition}){(needsAlias ? $" _dbt_et_filter_subq_{Identifier}" : "")}" }, quoted, included);

    public override string Print() => Name.Reading is { } query ? query.Replace("{0}", Render(), StringComparison.Ordinal) : Render();

    private string Render()
    {
        // What an ephemeral model is called in the queries that read it is no name in the database.
        if (Type == "cte") return Identifier!;
        if (Name.External is { } external) return external;
        var parts = new List<string>();
        if ((included & DatabasePart) != 0 && Database is not null) parts.Add(Quote(Database, DatabasePart));
        if ((included & SchemaPart) != 0 && Schema is not null) parts.Add(Quote(Schema, SchemaPart));
        if ((included & IdentifierPart) != 0 && Identifier is not null) parts.Add(Quote(Identifier, IdentifierPart));
        return string.Join('.', parts);
    }

    public override string Repr() => $"<Relation {Print()}>";

    public override bool ValueEquals(object? other) => other is DbtRelation relation && relation.Name == Name && relation.Print() == Print();

    public override int ValueHash() => Name.GetHashCode();

    private string? Fold(string? part, int which) => (quoted & which) != 0 ? part : part?.ToLowerInvariant();

    private string Quote(string part, int which) => (quoted & which) != 0 ? TableName.Quote(part) : part;

    private static JinjaFunction Method(string signature, Func<BoundArguments, object?> body) => new(signature.Split(' ')[0], Signature.Of(signature, (_, arguments) => body(arguments)));

    private static int Change(int parts, BoundArguments arguments)
    {
        for (var i = 0; i < 3; i++)
            if (arguments.Has(i)) parts = arguments.Flag(i) ? parts | (1 << i) : parts & ~(1 << i);
        return parts;
    }

    private RelationName Path(PythonDict? path)
    {
        return new RelationName(Part("database", Database), Part("schema", Schema), Part("identifier", Identifier), Type);

        string? Part(string key, string? otherwise) => path is not null && path.TryGet(key, out var value) ? Operations.AsText(value) : otherwise;
    }
}
