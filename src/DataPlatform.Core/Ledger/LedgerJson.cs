using System.Text.Json.Serialization;

namespace DataPlatform.Ledger;

/// <summary>What the ledger keeps as JSON.</summary>
[JsonSerializable(typeof(string[]))]
internal sealed partial class LedgerJson : JsonSerializerContext;
