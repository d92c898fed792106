using DataPlatform.Secrets;

namespace DataPlatform.Core.Tests.Secrets;

public class SensitiveSettingsTests
{
    [Theory]
    [InlineData("ConnectionStrings:warehouse", "Host=db;Username=etl;Password=pw one;Database=x", "pw one")]
    [InlineData("ConnectionStrings:warehouse", "Host=db;PASSWORD = 'it''s; here' ;Database=x", "it's; here")]
    [InlineData("ConnectionStrings:warehouse", "Host=db;Pwd=\"say \"\"hi\"\"\"", "say \"hi\"")]
    [InlineData("ConnectionStrings:lake", "Endpoint=http://s3;AccessKeyId=me;SecretAccessKey=wJalr=XUtn/FEMI", "wJalr=XUtn/FEMI")]
    [InlineData("ConnectionStrings:blob", "AccountName=x;AccountKey=abc123==;EndpointSuffix=y", "abc123==")]
    [InlineData("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI", "wJalrXUtnFEMI")]
    [InlineData("Smtp:Password", "hunter22", "hunter22")]
    [InlineData("Api:Client-Secret", "s3cret", "s3cret")]
    [InlineData("GITHUB_TOKEN", "ghp_123", "ghp_123")]
    [InlineData("HTTPS_PROXY", "http://user:p%40ss@proxy:3128/", "p%40ss", "p@ss")]
    [InlineData("ConnectionStrings:x", "postgres://etl:pw@db/x?sslmode=require", "pw")]
    public void Passwords_in_configuration_are_found(string key, string value, params string[] expected) =>
        SensitiveSettings.Values([new(key, value)]).Should().BeEquivalentTo(expected);

    [Theory]
    [InlineData("PWD", "/home/etl")]
    [InlineData("OLDPWD", "/home")]
    [InlineData("Merge:Key", "trip_id")]
    [InlineData("PartitionKey", "day")]
    [InlineData("Auth:RequireToken", "true")]
    [InlineData("VAULT_TOKEN_FILE", "/run/token")]
    [InlineData("ConnectionStrings:warehouse", "Host=db;Username=etl;Database=x")]
    [InlineData("HTTPS_PROXY", "http://proxy:3128")]
    [InlineData("Url", "https://host:8080/path@2x")]
    [InlineData("Empty:Password", "")]
    public void Other_settings_are_not(string key, string value) => SensitiveSettings.Values([new(key, value)]).Should().BeEmpty();
}
