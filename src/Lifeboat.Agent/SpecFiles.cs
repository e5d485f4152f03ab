// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Journaling.Storage;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Agent;

/// <summary>What the agent was asked to do, one file each: written aside, flushed, renamed.</summary>
internal sealed class SpecFiles<T>(string directory) where T : class
{
    private const string Ending = ".json";
    private readonly FileStorage _storage = new(directory);

    public async Task SaveAsync(string name, T spec, CancellationToken ct)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(spec, ContractJson.Indented);
        var aside = name + ".new";
        await using (var file = await _storage.OpenAsync(aside, create: true, ct))
        {
            await file.SetLengthAsync(0, ct);
            await file.WriteAsync(0, bytes, ct);
            await file.FlushAsync(ct);
        }
        await _storage.RenameAsync(aside, name + Ending, ct);
        await _storage.SyncAsync(ct);
    }

    public async Task DeleteAsync(string name, CancellationToken ct)
    {
        await _storage.DeleteAsync(name + Ending, ct);
        await _storage.SyncAsync(ct);
    }

    public async Task<IReadOnlyList<T>> LoadAsync(CancellationToken ct)
    {
        var specs = new List<T>();
        foreach (var name in (await _storage.ListAsync(ct)).Where(n => n.EndsWith(Ending, StringComparison.Ordinal)))
        {
            await using var file = await _storage.OpenAsync(name, create: false, ct);
            var bytes = new byte[await file.LengthAsync(ct)];
            await file.ReadAsync(0, bytes, ct);
            specs.Add(JsonSerializer.Deserialize<T>(bytes, ContractJson.Answers)
                ?? throw new StorageException(StorageFault.Io, $"{Path.Combine(directory, name)} is empty"));
        }
        return specs;
    }

    public static bool AreSame(T a, T b) => JsonSerializer.SerializeToUtf8Bytes(a, ContractJson.Options).AsSpan()
        .SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(b, ContractJson.Options));
}
