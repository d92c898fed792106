using DataPlatform.Jobs;
using DataPlatform.Jobs.Commands;
using DataPlatform.Jobs.Output;
using DataPlatform.Lineage;
using DataPlatform.Pipelines;
using DataPlatform.Secrets;
using DataPlatform.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Serilog;
using Serilog.Extensions.Logging;

namespace Microsoft.Extensions.Hosting;

/// <summary>Makes a host a data job.</summary>
public static class DataPlatformHostingExtensions
{
    // Libraries whose every call would otherwise be a line in the log.
    private static readonly string[] QuietCategories = ["Microsoft", "System", "Npgsql", "Polly", "Amazon"];

    /// <summary>
    /// Adds what every job needs: logs as JSON lines or on a terminal, telemetry, secrets in configuration, the pipeline runner with its
    /// ledger, and the commands of <see cref="RunJobAsync"/>. Call it first: it replaces the logging providers there are, and from then on
    /// reports exceptions that leave the program as it does other failures.
    /// </summary>
    /// <param name="builder">The host being built.</param>
    /// <param name="configure">Overrides what the section <c>DataPlatform</c> says.</param>
    public static IHostApplicationBuilder AddDataPlatform(this IHostApplicationBuilder builder, Action<DataPlatformOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        if (services.All(service => service.ServiceType != typeof(JobConsole)))
        {
            AddOutput(builder);
            AddOptions(services);
            AddSecrets(builder);
            AddObservers(services);
            services.AddPipelineRunner();
            services.TryAddSingleton(TimeProvider.System);
            services.AddSingleton<PipelineCatalog>();
            services.AddSingleton<Preflight>();
            services.AddSingleton<IJobCommand, LoadsCommand>();
            services.AddSingleton<IJobCommand, ContractsCommand>();
            services.AddSingleton<IJobCommand, LineageCommand>();
        }

        if (configure is not null) services.Configure(configure);
        return builder;
    }

    /// <summary>Adds a pipeline. It is put together and validated when a command needs it.</summary>
    /// <param name="builder">The host being built.</param>
    /// <param name="name">The pipeline's name: lower-case letters, digits and hyphens.</param>
    /// <param name="configure">Adds the steps.</param>
    public static IHostApplicationBuilder AddPipeline(this IHostApplicationBuilder builder, string name, Action<PipelineBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.AddSingleton(new PipelineRegistration(name, configure));
        return builder;
    }

    /// <summary>
    /// Runs the job as its command line says (<c>run</c>, <c>list</c>, <c>describe</c>, <c>runs</c>, <c>doctor</c>), disposes of the host
    /// and returns the exit code: return it from <c>Main</c>. Never throws for a failing job.
    /// </summary>
    /// <param name="host">The built host.</param>
    /// <param name="args">The command line. Without a command the job runs its only pipeline.</param>
    /// <param name="cancellationToken">Stops the job as SIGTERM does.</param>
    /// <returns>0, or the value of a <see cref="DataPlatform.FailureClass"/>.</returns>
    /// <exception cref="InvalidOperationException"><see cref="AddDataPlatform"/> was not called.</exception>
    public static async Task<int> RunJobAsync(this IHost host, string[] args, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(args);
        using var job = new Job(host, cancellationToken);
        return await job.RunAsync(args).ConfigureAwait(false);
    }

    private static void AddOutput(IHostApplicationBuilder builder)
    {
        var masker = new SecretMasker();
        var console = new JobConsole(masker, builder.Environment.EnvironmentName);
        LastResort.Install(console);
        builder.Services.AddSingleton(masker);
        builder.Services.AddSingleton<ISecretMasker>(masker);
        builder.Services.AddSingleton(console);
        builder.Services.AddHostedService<JobConsoleStarter>();

        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<ILoggerProvider>(_ => new SerilogLoggerProvider(
            new LoggerConfiguration().MinimumLevel.Verbose().Enrich.FromLogContext().WriteTo.Sink(console).CreateLogger(), dispose: true));

        // Before the rules that Logging:LogLevel makes, which so win over them.
        builder.Services.Configure<LoggerFilterOptions>(options =>
        {
            foreach (var category in QuietCategories) options.Rules.Insert(0, new LoggerFilterRule(null, category, LogLevel.Warning, null));
        });
        // Every event knows its trace and span by itself.
        builder.Services.Configure<LoggerFactoryOptions>(options => options.ActivityTrackingOptions = ActivityTrackingOptions.None);
        builder.Services.Configure<ConsoleLifetimeOptions>(options => options.SuppressStatusMessages = true);
    }

    private static void AddOptions(IServiceCollection services)
    {
        services.AddSingleton<DataPlatformOptionsSetup>();
        services.AddSingleton<IConfigureOptions<DataPlatformOptions>>(provider => provider.GetRequiredService<DataPlatformOptionsSetup>());
        services.AddSingleton<IValidateOptions<DataPlatformOptions>>(provider => provider.GetRequiredService<DataPlatformOptionsSetup>());
        services.AddOptions<DataPlatformOptions>().ValidateOnStart();
        services.AddSingleton<IConfigureOptions<OpenLineageOptions>, OpenLineageOptionsSetup>();
        services.AddSingleton<IValidateOptions<OpenLineageOptions>, OpenLineageOptionsSetup>();
        services.AddOptions<OpenLineageOptions>().ValidateOnStart();
    }

    private static void AddSecrets(IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<ISecretStore, EnvironmentSecretStore>();
        services.AddSingleton<ISecretStore>(provider => new FileSecretStore(
            builder.Configuration[FileSecretStore.DirectoryKey] ?? FileSecretStore.DefaultDirectory, provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<SecretResolver>(provider, builder.Configuration));
    }

    private static void AddObservers(IServiceCollection services)
    {
        services.AddSingleton<RunTelemetry>();
        services.AddSingleton<RunProgress>();
        services.AddSingleton<IRunObserver>(provider => provider.GetRequiredService<RunProgress>());
        services.AddSingleton<IRunObserver>(provider => provider.GetRequiredService<OpenLineageEmitter>());
        services.AddHostedService(provider => provider.GetRequiredService<OpenLineageEmitter>());
        services.AddSingleton(provider => new OpenLineageEmitter(
            provider.GetRequiredService<IOptions<OpenLineageOptions>>().Value, provider.GetRequiredService<ISecretMasker>().Mask, provider.GetService<TimeProvider>(), provider.GetService<ILoggerFactory>()));
        if (ArgoProgressObserver.Create(TimeProvider.System) is { } argo) services.AddSingleton<IRunObserver>(argo);
    }
}
