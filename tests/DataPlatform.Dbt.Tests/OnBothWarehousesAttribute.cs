using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace DataPlatform.Dbt;

/// <summary>Runs a test on DuckDB and on PostgreSQL: the first parameter of the test is the system, and these arguments are for those after it.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class OnBothWarehousesAttribute(params object?[] arguments) : DataAttribute
{
    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([new TheoryDataRow(["duckdb", .. arguments]), new TheoryDataRow(["postgres", .. arguments])]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
