using DataPlatform.ObjectStores;

namespace DataPlatform.Core.Tests.ObjectStores;

public sealed class ObjectKeyTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("inbox/trips 2026.csv")]
    [InlineData("..a/b../.c")]
    [InlineData("日本/😀")]
    [InlineData("\uFFFD")]
    public void Takes(string key) => ObjectKey.Validate(key).Should().Be(key);

    [Theory]
    [InlineData("", "it is empty")]
    [InlineData("/a", "it begins with '/'")]
    [InlineData("a/", "it ends with '/'")]
    [InlineData("a//b", "it holds '//'")]
    [InlineData("a/../b", "it holds the segment '..'")]
    [InlineData(".", "it holds the segment '.'")]
    [InlineData(@"a\b", @"it holds a '\'")]
    [InlineData("a\tb", "it holds a control character")]
    [InlineData("a\u0085b", "it holds a control character")]
    [InlineData(".dataplatform/x", "'.dataplatform' is kept for the store's own use")]
    public void Refuses(string key, string fault)
    {
        var failure = FluentActions.Invoking(() => ObjectKey.Validate(key)).Should().Throw<ObjectStoreException>().Which;

        failure.FailureClass.Should().Be(FailureClass.Configuration);
        failure.Message.Should().Be($"'{key}' is not a key of an object store: {fault}.");
    }

    [Fact]
    public void Refuses_half_of_a_surrogate_pair_and_more_than_1024_bytes()
    {
        ObjectKey.IsValid("\uD800x\uFFFD").Should().BeFalse();
        ObjectKey.IsValid(new string('ä', 512)).Should().BeTrue();
        ObjectKey.IsValid(new string('ä', 512) + "a").Should().BeFalse();
    }
}
