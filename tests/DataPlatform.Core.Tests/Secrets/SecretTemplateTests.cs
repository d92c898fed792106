using CsCheck;
using DataPlatform.Secrets;

namespace DataPlatform.Core.Tests.Secrets;

public class SecretTemplateTests
{
    private static readonly Dictionary<SecretReference, string> Known = new()
    {
        [new SecretReference("env", "USER")] = "etl",
        [new SecretReference("file", "db/password")] = "s3cr}t",
    };

    [Theory]
    [InlineData("${secret://env/USER}", "etl")]
    [InlineData("Username=${secret://env/USER};Password=${secret://file/db/password}", "Username=etl;Password=s3cr}t")]
    [InlineData("${secret://env/USER}${secret://env/USER}", "etletl")]
    [InlineData("$${secret://env/USER}", "${secret://env/USER}")]
    [InlineData("$${secret://env/USER} is ${secret://env/USER}", "${secret://env/USER} is etl")]
    [InlineData("$${secret://", "${secret://")]
    [InlineData("costs 5$ ${secret://env/USER}$", "costs 5$ etl$")]
    public void Placeholders_are_filled_and_escapes_are_kept_as_text(string value, string expected) =>
        SecretTemplate.Parse(value)!.Fill(Known).Should().Be(expected);

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("${HOME}")]
    [InlineData("$${HOME} secret://env/USER")]
    public void A_value_without_placeholder_is_left_alone(string value) => SecretTemplate.Parse(value).Should().BeNull();

    [Theory]
    [InlineData("Password=${secret://env/USER", "is not closed by '}'")]
    [InlineData("${secret://}", "names no store and secret")]
    [InlineData("${secret://env}", "names no store and secret")]
    [InlineData("${secret://env/}", "names no store and secret")]
    [InlineData("${secret:///USER}", "names no store and secret")]
    public void A_malformed_placeholder_is_refused(string value, string message) =>
        FluentActions.Invoking(() => SecretTemplate.Parse(value)).Should().Throw<FormatException>().WithMessage($"*{message}*");

    [Fact]
    public void Any_text_around_placeholders_survives() =>
        Gen.Select(Gen.String[Gen.Char["ab $}{=;"], 0, 20], Gen.String[Gen.Char["ab }{=;"], 0, 20]).Sample((before, after) =>
        {
            // A dollar sign right before a placeholder escapes it; the theory above covers that.
            if (before.EndsWith('$')) before += " ";
            return SecretTemplate.Parse($"{before}${{secret://env/USER}}{after}")!.Fill(Known) == $"{before}etl{after}";
        });
}
