using DataPlatform.ObjectStores;
using DataPlatform.ObjectStores.Folder;
using DataPlatform.ObjectStores.S3;
using DataPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.Core.Tests.ObjectStores;

public sealed class AddObjectStoreTests
{
    private readonly HostApplicationBuilder _builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());

    [Theory]
    [InlineData("./data/lake", typeof(FolderObjectStore))]
    [InlineData("data/lake", typeof(FolderObjectStore))]
    [InlineData("/data/env=prod", typeof(FolderObjectStore))]
    [InlineData("s3://acme-lake/prod", typeof(S3ObjectStore))]
    public void The_connection_string_picks_the_kind_of_store(string connectionString, Type kind)
    {
        _builder.AddObjectStore("lake");
        Configure("ConnectionStrings:lake", connectionString);
        using var host = _builder.Build();

        var store = host.Services.GetRequiredKeyedService<IObjectStore>("lake");

        store.Should().BeOfType(kind).And.BeSameAs(host.Services.GetRequiredService<IObjectStore>());
        store.Name.Should().Be("lake");
    }

    [Fact]
    public void Stores_are_asked_for_by_name_when_there_are_several()
    {
        _builder.AddObjectStore("lake").AddObjectStore("models", options => options.ConnectionString = "./models");
        Configure("ConnectionStrings:lake", "./lake");
        using var host = _builder.Build();

        host.Services.GetRequiredKeyedService<IObjectStore>("lake").Location.Should().EndWith("/lake");
        host.Services.GetRequiredKeyedService<IObjectStore>("models").Location.Should().EndWith("/models");
        host.Services.GetServices<ObjectStoreRegistration>().Select(store => store.Name).Should().Equal("lake", "models");
        Failure(() => host.Services.GetRequiredService<IObjectStore>()).Message.Should().Contain("There are 2 object stores (lake, models)");
        Failure(() => host.Services.GetRequiredKeyedService<IObjectStore>("lak")).Message.Should().Be("There is no object store 'lak'.");
    }

    [Fact]
    public void The_connection_string_is_read_when_the_store_is_first_asked_for()
    {
        _builder.AddObjectStore("lake");
        using var host = _builder.Build();

        Configure("ConnectionStrings:lake", "./later");

        host.Services.GetRequiredKeyedService<IObjectStore>("lake").Location.Should().EndWith("/later");
    }

    [Fact]
    public void A_missing_connection_string_is_named_with_examples()
    {
        _builder.AddObjectStore("lake");
        using var host = _builder.Build();

        var failure = Failure(() => host.Services.GetRequiredService<IObjectStore>());

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("ConnectionStrings:lake is not set");
        failure.Hint.Should().Contain("ConnectionStrings__lake").And.Contain("./data/lake or s3://bucket/prefix");
    }

    [Theory]
    [InlineData("gs://acme-lake")]
    [InlineData("Host=db;Password=secret-1")]
    public void A_connection_string_of_another_kind_is_refused_and_not_shown(string connectionString)
    {
        _builder.AddObjectStore("lake");
        Configure("ConnectionStrings:lake", connectionString);
        using var host = _builder.Build();

        var failure = Failure(() => host.Services.GetRequiredService<IObjectStore>());

        failure.Message.Should().Contain("ConnectionStrings:lake").And.NotContain(connectionString);
        failure.Hint.Should().Contain("s3://bucket/prefix").And.NotContain("secret-1");
    }

    [Fact]
    public void Settings_come_from_the_section_of_the_store()
    {
        _builder.AddObjectStore("lake");
        Configure("ConnectionStrings:lake", "s3://acme-lake");
        Configure("DataPlatform:ObjectStores:lake:PartSizeBytes", "5");
        Configure("DataPlatform:ObjectStores:lake:ServerSideEncryption", "Kms");
        Configure("DataPlatform:ObjectStores:lake:Concurrency", "100");
        using var host = _builder.Build();

        Failure(() => host.Services.GetRequiredService<IObjectStore>()).Message.Should().Contain("PartSizeBytes is 5").And.Contain("Concurrency is 100");
    }

    [Theory]
    [InlineData("PartSize", "1", "PartSize")]
    [InlineData("Concurrency", "many", "Concurrency")]
    public void A_setting_that_does_not_exist_or_cannot_be_read_is_named(string setting, string value, string named)
    {
        _builder.AddObjectStore("lake");
        Configure("ConnectionStrings:lake", "s3://acme-lake");
        Configure($"DataPlatform:ObjectStores:lake:{setting}", value);
        using var host = _builder.Build();

        var failure = Failure(() => host.Services.GetRequiredService<IObjectStore>());

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Contain("DataPlatform:ObjectStores:lake").And.Contain(named);
        failure.Hint.Should().Contain("PartSizeBytes");
    }

    [Fact]
    public async Task A_provider_that_is_registered_opens_its_kind()
    {
        _builder.AddObjectStore("lake");
        _builder.Services.AddSingleton<IObjectStoreProvider, MemoryObjectStoreProvider>();
        Configure("ConnectionStrings:lake", "memory://lake");
        using var host = _builder.Build();

        var store = host.Services.GetRequiredService<IObjectStore>();
        await store.PutAsync("a.csv", new MemoryStream([1, 2, 3]));

        store.Should().BeOfType<MemoryObjectStore>();
        (await store.ListAsync("*.csv").ToListAsync()).Should().ContainSingle().Which.Size.Should().Be(3);
        (await store.OpenReadAsync("a.csv", new ByteRange(1, 1))).ReadByte().Should().Be(2);
    }

    [Fact]
    public void The_store_in_the_documentation_is_the_one_that_is_tested()
    {
        var source = File.ReadAllText(Path.Join(RepositoryFolder.Path, "tests/DataPlatform.Core.Tests/ObjectStores/MemoryObjectStore.cs"));
        var documentation = File.ReadAllText(Path.Join(RepositoryFolder.Path, "docs/object-stores.md"));

        documentation.Should().Contain(source[source.IndexOf("public sealed class MemoryObjectStore", StringComparison.Ordinal)..]);
    }

    [Fact]
    public void Names_are_checked_and_taken_once()
    {
        _builder.AddObjectStore("lake");

        Failure(() => _builder.AddObjectStore("lake")).Message.Should().Contain("'lake' is added twice");
        Failure(() => _builder.AddObjectStore("Lake")).Message.Should().Contain("'Lake' is not a valid object store name");
    }

    private static DataPlatformException Failure(Action action) => action.Should().Throw<DataPlatformException>().Which;

    private void Configure(string key, string value) => _builder.Configuration[key] = value;
}
