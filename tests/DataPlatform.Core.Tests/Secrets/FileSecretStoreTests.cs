using DataPlatform.Secrets;
using DataPlatform.Testing;

namespace DataPlatform.Core.Tests.Secrets;

public sealed class FileSecretStoreTests : IDisposable
{
    private readonly ScratchFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("value", "value")]
    [InlineData("value\n", "value")]
    [InlineData("value\r\n", "value")]
    [InlineData("two\nlines\n\n", "two\nlines\n")]
    [InlineData("  spaces  ", "  spaces  ")]
    public async Task The_value_is_the_file_without_its_last_newline(string content, string expected)
    {
        await File.WriteAllTextAsync(_folder.Combine("name"), content);

        var secret = await Store().FindAsync("name");

        secret!.Value.Should().Be(expected);
        secret.Source.Should().Be($"file {_folder.Combine("name")}");
    }

    [Fact]
    public async Task A_missing_file_is_a_missing_secret() => (await Store().FindAsync("db/password")).Should().BeNull();

    [Fact]
    public async Task A_folder_is_not_a_secret()
    {
        Directory.CreateDirectory(_folder.Combine("db"));
        (await Store().FindAsync("db")).Should().BeNull();
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("db/../../outside")]
    [InlineData("/etc/passwd")]
    [InlineData(".")]
    [InlineData("a\0b")]
    public async Task A_name_cannot_leave_the_folder(string name)
    {
        var find = () => Store().FindAsync(name);

        (await find.Should().ThrowAsync<DataPlatformException>()).Which.FailureClass.Should().Be(FailureClass.Configuration);
    }

    [Fact]
    public async Task A_folder_whose_name_begins_like_the_stores_is_outside()
    {
        var sibling = Directory.CreateDirectory(_folder.Combine("secrets-other"));
        await File.WriteAllTextAsync(Path.Combine(sibling.FullName, "name"), "value");
        var store = new FileSecretStore(_folder.Combine("secrets"), TimeProvider.System);

        var find = () => store.FindAsync("../secrets-other/name");

        await find.Should().ThrowAsync<DataPlatformException>();
    }

    [Fact]
    public async Task Links_as_Kubernetes_makes_them_are_followed_and_tell_the_age_of_what_they_lead_to()
    {
        var version = Directory.CreateDirectory(_folder.Combine("..2026_01_01"));
        var file = Path.Combine(version.FullName, "password");
        await File.WriteAllTextAsync(file, "rotated\n");
        File.SetLastWriteTimeUtc(file, new DateTime(2026, 1, 1, 12, 30, 0, DateTimeKind.Utc));
        Directory.CreateSymbolicLink(_folder.Combine("..data"), "..2026_01_01");
        File.CreateSymbolicLink(_folder.Combine("password"), "..data/password");

        var secret = await Store().FindAsync("password");

        secret!.Value.Should().Be("rotated");
        secret.Version.Should().Be("2026-01-01T12:30:00Z");
    }

    private FileSecretStore Store() => new(_folder.Path, TimeProvider.System);
}
