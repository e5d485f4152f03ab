// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication;

/// <summary>
/// JSON whose last member is <c>crc32c</c>: eight hex digits, the CRC-32C of all of it with zeroes in their place.
/// </summary>
internal static class CheckedJson
{
    private const string Tail = ",\n  \"crc32c\": \"00000000\"\n}";
    private const int DigitsBehind = 11; // eight digits and what follows them

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <param name="value">With one member at least.</param>
    public static byte[] Encode<T>(T value)
    {
        var text = JsonSerializer.Serialize(value, Json);
        var bytes = Encoding.UTF8.GetBytes(text[..text.LastIndexOf('\n')] + Tail);
        Encoding.ASCII.GetBytes(Crc32C.Compute(bytes).ToString("x8", CultureInfo.InvariantCulture),
            bytes.AsSpan(bytes.Length - DigitsBehind));
        return bytes;
    }

    /// <summary>What it says, whole or not: ask <see cref="IsWhole"/> before believing it.</summary>
    /// <exception cref="JsonException">It is no JSON, or of something else.</exception>
    public static T? Decode<T>(ReadOnlySpan<byte> bytes) => JsonSerializer.Deserialize<T>(bytes, Json);

    public static bool IsWhole(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Tail.Length) return false;
        var zeroed = bytes.ToArray();
        zeroed.AsSpan(zeroed.Length - DigitsBehind, 8).Fill((byte)'0');
        return Encoding.UTF8.GetString(zeroed.AsSpan(zeroed.Length - Tail.Length)) == Tail
            && Encoding.ASCII.GetString(bytes.Slice(bytes.Length - DigitsBehind, 8))
                == Crc32C.Compute(zeroed).ToString("x8", CultureInfo.InvariantCulture);
    }
}
