using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace DataPlatform.Dbt.Project;

/// <summary>Digests as hexadecimal digits.</summary>
internal static class Hashes
{
    [SuppressMessage("Security", "CA5351", Justification = "dbt names tests by it: nothing is protected by it.")]
    public static string Md5(string text) => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(text)));

    public static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
