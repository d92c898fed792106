using DataPlatform.Resilience;
using DataPlatform.Warehouses;
using DataPlatform.Warehouses.PostgreSql;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DataPlatform.Core.Tests.Warehouses;

public sealed class AddWarehouseTests
{
    private const string PostgreSql = "Host=db.example;Database=analytics;Username=etl;Password=hunter2";

    [Fact]
    public void A_warehouse_is_opened_from_the_connection_string_of_its_name()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"), ("ConnectionStrings:warehouse", PostgreSql));
        var warehouse = host.Services.GetRequiredKeyedService<IWarehouse>("warehouse");
        warehouse.Should().BeOfType<PostgreSqlWarehouse>();
        warehouse.Should().BeEquivalentTo(new { Name = "warehouse", System = "postgresql", Location = "db.example:5432/analytics" });
    }

    [Fact]
    public void The_only_warehouse_needs_no_key_and_is_the_same()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"), ("ConnectionStrings:warehouse", PostgreSql));
        host.Services.GetRequiredService<IWarehouse>().Should().BeSameAs(host.Services.GetRequiredKeyedService<IWarehouse>("warehouse"));
    }

    [Fact]
    public void Of_several_warehouses_one_must_be_named()
    {
        using var host = Build(builder => builder.AddWarehouse("one").AddWarehouse("two"));
        var failure = Fail(() => host.Services.GetRequiredService<IWarehouse>());
        failure.Message.Should().Contain("one, two");
        failure.Hint.Should().Contain("[FromKeyedServices(\"one\")]");
    }

    [Fact]
    public void Registrations_are_listed_in_order()
    {
        using var host = Build(builder => builder.AddWarehouse("one").AddWarehouse("two"));
        host.Services.GetServices<WarehouseRegistration>().Should().Equal(new WarehouseRegistration("one"), new WarehouseRegistration("two"));
    }

    [Fact]
    public void The_connection_string_is_read_when_the_warehouse_is_first_asked_for()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"));
        host.Services.GetRequiredService<Microsoft.Extensions.Configuration.IConfiguration>()["ConnectionStrings:warehouse"] = PostgreSql;
        host.Services.GetRequiredKeyedService<IWarehouse>("warehouse").Location.Should().Be("db.example:5432/analytics");
    }

    [Fact]
    public void The_program_can_set_the_connection_string()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse", options => options.ConnectionString = "Server=other;Database=d"), ("ConnectionStrings:warehouse", PostgreSql));
        host.Services.GetRequiredKeyedService<IWarehouse>("warehouse").Location.Should().Be("other:5432/d");
    }

    [Fact]
    public void A_missing_connection_string_is_named_with_an_example()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"));
        var failure = Fail(() => host.Services.GetRequiredKeyedService<IWarehouse>("warehouse"));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("ConnectionStrings:warehouse");
        failure.Hint.Should().Contain("ConnectionStrings__warehouse").And.Contain("Host=localhost");
    }

    [Theory]
    [InlineData("DataSource=./data/warehouse.duckdb")]
    [InlineData("Data Source = :memory:")]
    [InlineData("./warehouse.duckdb")]
    public void DuckDB_without_its_package_is_told_how_to_get_it(string connectionString)
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"), ("ConnectionStrings:warehouse", connectionString));
        var failure = Fail(() => host.Services.GetRequiredKeyedService<IWarehouse>("warehouse"));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Hint.Should().Contain("dotnet add package DataPlatform.DuckDb").And.Contain("builder.AddDuckDb()");
    }

    [Fact]
    public void An_unknown_connection_string_is_not_shown_since_it_may_hold_a_password()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"), ("ConnectionStrings:warehouse", "postgres://etl:hunter2@db/analytics"));
        var failure = Fail(() => host.Services.GetRequiredKeyedService<IWarehouse>("warehouse"));
        failure.Message.Should().Contain("ConnectionStrings:warehouse");
        failure.Hint.Should().Contain("Host=localhost");
        failure.ToString().Should().NotContain("hunter2");
    }

    [Theory]
    [InlineData("Host=db;Port=hunter2", "'port'")]
    [InlineData("Host=db;Password=hun;ter2=x", "keywords that Npgsql knows")]
    [InlineData("Host=db;hunter2", "keywords that Npgsql knows")]
    public void A_connection_string_that_cannot_be_read_is_told_without_its_values(string connectionString, string problem)
    {
        var failure = Fail(() => new PostgreSqlWarehouse("warehouse", connectionString));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("'warehouse'").And.Contain(problem);
        failure.ToString().Should().NotContain("hunter2").And.NotContain("ter2");
    }

    [Fact]
    public void A_warehouse_that_was_not_added_is_named_with_those_that_were()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"));
        var failure = Fail(() => host.Services.GetRequiredKeyedService<IWarehouse>("wharehouse"));
        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("'wharehouse'");
        failure.Hint.Should().EndWith("there are: warehouse.");
    }

    [Fact]
    public void A_name_is_given_once() => Fail(() => Build(builder => builder.AddWarehouse("warehouse").AddWarehouse("warehouse"))).Message.Should().Contain("'warehouse'");

    [Fact]
    public void A_name_is_a_name() => Fail(() => Build(builder => builder.AddWarehouse("My Warehouse"))).Message.Should().Contain("'My Warehouse'");

    [Fact]
    public void Settings_of_the_warehouse_come_from_its_section()
    {
        using var host = Build(builder => builder.AddWarehouse("warehouse"), ("DataPlatform:Warehouses:warehouse:EndSessionsTimeout", "00:00:07"));
        host.Services.GetRequiredService<IOptionsMonitor<PostgreSqlWarehouseOptions>>().Get("warehouse").EndSessionsTimeout.Should().Be(TimeSpan.FromSeconds(7));
    }

    [Fact]
    public void A_provider_of_another_package_opens_what_it_recognizes()
    {
        using var host = Build(
            builder =>
            {
                builder.AddWarehouse("warehouse");
                builder.Services.AddSingleton<IWarehouseProvider, OtherProvider>();
            },
            ("ConnectionStrings:warehouse", "other://here"));
        Fail(() => host.Services.GetRequiredKeyedService<IWarehouse>("warehouse")).Message.Should().Be("warehouse at other://here");
    }

    [Fact]
    public void Exceptions_of_Npgsql_are_understood_once_there_is_a_warehouse()
    {
        using var host = Build(builder => builder.AddWarehouse("one").AddWarehouse("two"));
        host.Services.GetServices<IFailureClassifier>().OfType<PostgreSqlFailureClassifier>().Should().ContainSingle();
    }

    private static IHost Build(Action<HostApplicationBuilder> add, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        foreach (var (key, value) in settings) builder.Configuration[key] = value;
        add(builder);
        return builder.Build();
    }

    private static DataPlatformException Fail(Func<object> action) => action.Should().Throw<DataPlatformException>().Which;

    private sealed class OtherProvider : IWarehouseProvider
    {
        public string Example => "other://there";

        public bool Recognizes(string connectionString) => connectionString.StartsWith("other:", StringComparison.Ordinal);

        public IWarehouse Open(string name, string connectionString) => throw new DataPlatformException(FailureClass.Bug, $"{name} at {connectionString}");
    }
}
