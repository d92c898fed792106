using System.Text;
using System.Text.Json;
using CsCheck;

namespace DataPlatform.Ingestion.Tests.Contracts;

public sealed class ColumnNameTests
{
    [Theory]
    [InlineData("TripId", "trip_id")]
    [InlineData("tripId", "trip_id")]
    [InlineData("trip_id", "trip_id")]
    [InlineData("Trip ID", "trip_id")]
    [InlineData("Start Time", "start_time")]
    [InlineData("HTTPStatus", "http_status")]
    [InlineData("Address2", "address2")]
    [InlineData("Q1Sales", "q1_sales")]
    [InlineData("  price (EUR/kWh) ", "price_eur_k_wh")]
    [InlineData("Größe", "größe")]
    [InlineData("_id", "_id")]
    [InlineData("2024 total", "_2024_total")]
    [InlineData("a--b__c", "a_b_c")]
    [InlineData("№", "")]
    [InlineData("", "")]
    public void Names_become_snake_case(string name, string column) => ColumnName.Normalize(name).Should().Be(column);

    // Rows of records read back through names that the runtime's own policy makes.
    [Fact]
    public void Names_of_properties_are_as_the_mapper_of_records_has_them() =>
        Gen.Char["ABCXYZabcxyz019"].Array[1, 12].Select(letters => new string(letters)).Where(name => char.IsLetter(name[0]))
            .Sample(name => ColumnName.Normalize(name).Should().Be(JsonNamingPolicy.SnakeCaseLower.ConvertName(name), name));

    [Fact]
    public void A_name_that_is_in_snake_case_stays() =>
        Gen.Char["abc 9_ABÄ-."].Array[0, 90].Select(letters => new string(letters)).Sample(name =>
        {
            var once = ColumnName.Normalize(name);
            ColumnName.Normalize(once).Should().Be(once);
            Encoding.UTF8.GetByteCount(once).Should().BeLessThanOrEqualTo(63);
        });

    [Fact]
    public void Long_names_that_differ_at_the_end_stay_different()
    {
        var stem = new string('x', 80);
        ColumnName.Normalize(stem + "a").Should().HaveLength(63).And.NotBe(ColumnName.Normalize(stem + "b"));
    }
}
