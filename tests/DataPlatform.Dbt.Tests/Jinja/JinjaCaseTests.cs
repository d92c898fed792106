namespace DataPlatform.Dbt.Jinja;

public sealed class JinjaCaseTests
{
    private static readonly Dictionary<string, JinjaCase> Cases = JinjaCase.Load().ToDictionary(found => $"{found.File}: {found.Name}");

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Renders_as_jinja_does(string name)
    {
        var expected = Cases[name];

        expected.Render().Should().Be((expected.Expected, expected.Error));
    }
}
