using System.Text;
using DataPlatform.Testing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DataPlatform.MLOps.Tests;

public sealed class ModelRegistryHostingTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_only_registry_is_there_by_name_and_without()
    {
        using var host = Build(builder => builder.AddModelRegistry("models"));
        var registry = host.Services.GetRequiredService<IModelRegistry>();
        registry.Should().BeSameAs(host.Services.GetRequiredKeyedService<IModelRegistry>("models"));

        var version = await registry.RegisterAsync("demand-model", new MemoryStream("weights"u8.ToArray()), new ModelVersionInfo());
        File.ReadAllText(_folder.Combine("lake", "models", "demand-model", "artifacts", version.ArtifactSha256), Encoding.UTF8).Should().Be("weights");
        (await registry.FindAsync("demand-model/latest"))!.ArtifactSha256.Should().Be(version.ArtifactSha256);
        registry.Location.Should().Contain(_folder.Combine("lake")).And.Contain(_folder.Combine("warehouse.duckdb"));
    }

    [Fact]
    public void With_several_stores_the_settings_say_which()
    {
        using var host = Build(builder =>
        {
            builder.AddObjectStore("attic");
            builder.AddModelRegistry("models");
            builder.AddModelRegistry("old-models", options => options.ObjectStore = "attic");
        }, ("ConnectionStrings:attic", _folder.Combine("attic")), ("DataPlatform:ModelRegistries:models:ObjectStore", "lake"), ("DataPlatform:ModelRegistries:models:Warehouse", "warehouse"));

        host.Services.GetRequiredKeyedService<IModelRegistry>("models").Location.Should().Contain(_folder.Combine("lake"));
        host.Services.GetRequiredKeyedService<IModelRegistry>("old-models").Location.Should().Contain(_folder.Combine("attic"));
        Refused(() => host.Services.GetRequiredService<IModelRegistry>()).Should().Be(
            "There are 2 model registries (models, old-models), and a step or service asks for one without saying which.");
    }

    [Fact]
    public void What_cannot_be_opened_says_why()
    {
        using var host = Build(builder => builder.AddModelRegistry("models"), ("ConnectionStrings:models", "https://user:secret@mlflow.internal"));
        Refused(() => host.Services.GetRequiredService<IModelRegistry>()).Should().StartWith("ConnectionStrings:models is set, but only the embedded").And.NotContain("secret");
        Refused(() => host.Services.GetRequiredKeyedService<IModelRegistry>("model")).Should().Be("There is no model registry 'model'.");
        Refused(() => Build(builder => builder.AddModelRegistry("models").AddModelRegistry("models"))).Should().Be("Model registry 'models' is added twice.");
        Refused(() => Build(builder => builder.AddModelRegistry("My Models"))).Should().StartWith("'My Models' is not a valid model registry name.");
    }

    [Fact]
    public void A_setting_that_does_not_exist_is_an_error()
    {
        using var host = Build(builder => builder.AddModelRegistry("models"), ("DataPlatform:ModelRegistries:models:ObjectStor", "lake"));
        Refused(() => host.Services.GetRequiredService<IModelRegistry>()).Should().StartWith("The settings of model registry 'models', DataPlatform:ModelRegistries:models, cannot be read:");
    }

    private IHost Build(Action<IHostApplicationBuilder> configure, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(
        [
            new("ConnectionStrings:lake", _folder.Combine("lake")),
            new("ConnectionStrings:warehouse", $"DataSource={_folder.Combine("warehouse.duckdb")}"),
            .. settings.Select(setting => KeyValuePair.Create<string, string?>(setting.Key, setting.Value)),
        ]);
        builder.AddDataPlatform();
        builder.AddDuckDb();
        builder.AddObjectStore("lake");
        builder.AddWarehouse("warehouse");
        configure(builder);
        return builder.Build();
    }

    private static string Refused(Action action)
    {
        var thrown = action.Should().Throw<DataPlatformException>().Which;
        thrown.FailureClass.Should().Be(FailureClass.Configuration);
        return thrown.Message;
    }
}
