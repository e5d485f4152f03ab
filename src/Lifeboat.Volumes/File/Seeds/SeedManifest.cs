// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Lifeboat.Volumes.Files.Seeds;

/// <summary>
/// `seed.json` of a seed: what it was taken of and what belongs to it. Format: docs/formats/seed.md.
/// </summary>
/// <param name="Version">1.</param>
/// <param name="BeganAt">The disks went on being written: each chunk is as it was at some moment up to the end.</param>
public sealed record SeedManifest(int Version, string Group, string PrimarySite, string RecoverySite, long Epoch,
    DateTimeOffset BeganAt, DateTimeOffset EndedAt, int ChunkBytes, IReadOnlyList<SeedVolume> Volumes)
{
    public const int CurrentVersion = 1;
    public const string FileName = "seed.json";
    private const string SumName = "seed.json.sha256";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public long FileBytes => Volumes.Sum(v => v.FileBytes);

    internal void Save(string directory)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(this, Json);
        Write(Path.Combine(directory, FileName), bytes);
        // As sha256sum writes it, so that anybody can check it.
        var sum = $"{Convert.ToHexStringLower(SHA256.HashData(bytes))}  {FileName}\n";
        Write(Path.Combine(directory, SumName), Encoding.ASCII.GetBytes(sum));
    }

    /// <summary>Null with what is wrong about it.</summary>
    internal static SeedManifest? Load(string directory, List<string> problems)
    {
        try
        {
            var bytes = File.ReadAllBytes(Path.Combine(directory, FileName));
            var sum = File.ReadAllText(Path.Combine(directory, SumName)).Split(' ')[0];
            if (sum != Convert.ToHexStringLower(SHA256.HashData(bytes)))
                problems.Add($"{FileName} does not have the checksum in {SumName}");
            else if (JsonSerializer.Deserialize<SeedManifest>(bytes, Json) is { Volumes: not null } manifest)
                return manifest.Version == CurrentVersion ? manifest : Unknown(manifest.Version, problems);
            else problems.Add($"{FileName} is empty");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            problems.Add($"{FileName} cannot be read: {e.Message}");
        }
        return null;
    }

    private static SeedManifest? Unknown(int version, List<string> problems)
    {
        problems.Add($"{FileName} is of version {version}, which this release does not know");
        return null;
    }

    private static void Write(string path, byte[] bytes)
    {
        using var file = RawFile.Open(path, FileMode.CreateNew);
        file.Write(0, bytes);
        file.Flush();
    }
}

/// <param name="File">Name in the directory of the seed.</param>
/// <param name="Chunks">How many are stored; the others are zeroes.</param>
/// <param name="Digest">SHA-256 over offset and digest of each chunk, hex.</param>
public sealed record SeedVolume(ushort Index, string Name, long SizeBytes, string File, long FileBytes, long Chunks,
    string Digest);
