using DataPlatform.Warehouses;

namespace DataPlatform.Pipelines;

/// <summary>Says more about a step that runs a query.</summary>
public abstract class QueryStepBuilder : StepBuilder
{
    /// <summary>Goes on with a step that was added to a pipeline.</summary>
    protected QueryStepBuilder(StepDefinition definition, SqlQuery query) : base(definition)
    {
        ArgumentNullException.ThrowIfNull(query);
        Query = query;
    }

    /// <summary>The query.</summary>
    public SqlQuery Query { get; }
}

/// <summary>What can be said of every step that runs a query.</summary>
public static class QueryStepBuilderExtensions
{
    /// <summary>Gives the query's parameter <c>@name</c> its value: text, number, boolean, date, time, UUID or null.</summary>
    public static TBuilder With<TBuilder>(this TBuilder builder, string name, object? value) where TBuilder : QueryStepBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Query.SetParameter(name, value);
        return builder;
    }

    /// <summary>Gives the query's relation <c>{name}</c> its table.</summary>
    public static TBuilder Relation<TBuilder>(this TBuilder builder, string name, TableName table) where TBuilder : QueryStepBuilder
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Query.SetRelation(name, table);
        return builder;
    }
}
