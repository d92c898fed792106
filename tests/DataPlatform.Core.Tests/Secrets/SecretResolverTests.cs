using System.Collections.Concurrent;
using DataPlatform.Resilience;
using DataPlatform.Secrets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;

namespace DataPlatform.Core.Tests.Secrets;

public sealed class SecretResolverTests : IDisposable
{
    private readonly ConfigurationManager _configuration = new();
    private readonly SecretMasker _masker = new();

    public void Dispose() => _configuration.Dispose();

    [Fact]
    public async Task Placeholders_in_all_settings_are_replaced_and_the_values_masked()
    {
        Set("ConnectionStrings:warehouse", "Host=db;Username=${secret://fake/user};Password=${secret://fake/password}");
        Set("Api:Url", "https://api/?key=${secret://fake/password}");
        Set("Plain", "left alone");

        var resolutions = await ResolveAsync(new FakeStore { ["user"] = "etl-user", ["password"] = "p4ssword" });

        resolutions.Should().OnlyContain(r => r.Failure == null);
        _configuration["ConnectionStrings:warehouse"].Should().Be("Host=db;Username=etl-user;Password=p4ssword");
        _configuration["Api:Url"].Should().Be("https://api/?key=p4ssword");
        _configuration["Plain"].Should().Be("left alone");
        _masker.Mask("etl-user:p4ssword").Should().Be("***:***");
    }

    [Fact]
    public async Task A_secret_used_twice_is_asked_for_once()
    {
        Set("One", "${secret://fake/a-name}");
        Set("Two", "${secret://fake/a-name} and ${secret://fake/a-name}");
        var store = new FakeStore { ["a-name"] = "a-value" };

        var resolutions = await ResolveAsync(store);

        store.Asked.Should().Equal("a-name");
        resolutions.Should().ContainSingle().Which.Keys.Should().Equal("One", "Two");
    }

    [Fact]
    public async Task Secrets_are_asked_for_at_the_same_time()
    {
        Set("One", "${secret://fake/first}");
        Set("Two", "${secret://fake/second}");
        var store = new FakeStore { ["first"] = "value-1", ["second"] = "value-2" };
        store.AnswerAfterCalls(2);

        (await ResolveAsync(store)).Should().OnlyContain(r => r.Failure == null);
    }

    [Fact]
    public async Task Everything_that_is_missing_is_named_with_its_place_and_its_use()
    {
        Set("ConnectionStrings:warehouse", "Password=${secret://fake/password}");
        Set("Api:Token", "${secret://fake/token}");
        Set("Api:Url", "${secret://vualt/url}");
        Set("Broken", "${secret://fake/password");
        Set("Fine", "${secret://fake/fine}");

        var failures = (await ResolveAsync(new FakeStore { ["fine"] = "a-value" })).Where(r => r.Failure is not null).ToDictionary(r => r.Reference, r => r.Failure!);

        failures.Keys.Should().BeEquivalentTo("fake/password", "fake/token", "vualt/url", "Broken");
        failures.Values.Should().OnlyContain(f => f.Class == FailureClass.Configuration);
        failures["fake/password"].Message.Should().Contain("no shelf 'password'").And.Contain("'ConnectionStrings:warehouse'");
        failures["vualt/url"].Message.Should().Contain("no secret store 'vualt'").And.Contain("'Api:Url'");
        failures["vualt/url"].Hint.Should().Be("The stores are: fake.");
        failures["Broken"].Message.Should().Contain("'Broken'").And.Contain("not closed");
        _configuration["Fine"].Should().Be("${secret://fake/fine}", "configuration stays as it was when a secret is missing");
    }

    [Fact]
    public async Task A_store_that_refuses_is_reported_as_it_says()
    {
        Set("Api:Token", "${secret://fake/token}");
        var store = new FakeStore { Failure = new DataPlatformException(FailureClass.NotAuthorized, "The vault is sealed.", "Unseal it.") };

        var failure = (await ResolveAsync(store)).Single().Failure!;

        failure.Should().Be(new Failure(FailureClass.NotAuthorized, "Secret 'fake/token', used by 'Api:Token', could not be read. The vault is sealed.", "Unseal it."));
    }

    [Fact]
    public async Task The_value_of_a_later_source_counts()
    {
        Set("Api:Token", "${secret://fake/absent}");
        Set("Api:Token", "given openly");

        (await ResolveAsync(new FakeStore())).Should().BeEmpty();
        _masker.Mask("given openly").Should().Be("***");
    }

    [Fact]
    public async Task A_password_within_a_secret_connection_string_is_masked_alone_too()
    {
        Set("ConnectionStrings:warehouse", "${secret://fake/all}");

        await ResolveAsync(new FakeStore { ["all"] = "Host=db;Password=p4ssword" });

        _masker.Mask("password authentication failed with p4ssword").Should().Be("password authentication failed with ***");
    }

    private void Set(string key, string value) => _configuration.AddInMemoryCollection([new(key, value)]);

    private Task<IReadOnlyList<SecretResolution>> ResolveAsync(ISecretStore store) =>
        new SecretResolver(_configuration, [store], _masker, new FailureClassification(), NullLogger<SecretResolver>.Instance).ResolveAsync(CancellationToken.None);

    private sealed class FakeStore : Dictionary<string, string>, ISecretStore
    {
        private readonly TaskCompletionSource _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _callsBeforeAnswer;

        public string Scheme => "fake";

        public ConcurrentQueue<string> Asked { get; } = new();

        public Exception? Failure { get; init; }

        public void AnswerAfterCalls(int calls) => _callsBeforeAnswer = calls;

        public async Task<SecretValue?> FindAsync(string name, CancellationToken cancellationToken = default)
        {
            Asked.Enqueue(name);
            if (Asked.Count >= _callsBeforeAnswer) _answer.TrySetResult();
            await _answer.Task.WaitAsync(TimeSpan.FromSeconds(10), cancellationToken);
            if (Failure is not null) throw Failure;
            return TryGetValue(name, out var value) ? new SecretValue(value, "fake", null, DateTimeOffset.UnixEpoch) : null;
        }

        public string Describe(string name) => $"shelf '{name}'";
    }
}
