// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>The folders and records of instances below `instances/`. A record is written aside, flushed,
/// renamed.</summary>
internal sealed class InstanceStore(string root)
{
    private const string RecordFile = "instance.json";

    public InstanceFolder Folder(string name)
    {
        if (!EntityName.IsValid(name))
            throw new SiteException(SiteFault.Refused, $"'{name}' cannot name an instance: {EntityName.Rule}");
        return new InstanceFolder(Path.Combine(root, name));
    }

    public InstanceRecord? Read(string name)
    {
        try
        {
            var text = File.ReadAllBytes(Path.Combine(Folder(name).Root, RecordFile));
            return JsonSerializer.Deserialize<InstanceRecord>(text, ContractJson.Options);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            throw new SiteException(SiteFault.Refused, $"{Folder(name).Root}/{RecordFile} is damaged: {e.Message}; "
                + "it is not overwritten, so that nothing is lost: repair it or move its folder away", e);
        }
    }

    public IReadOnlyList<InstanceRecord> ReadAll()
    {
        if (!Directory.Exists(root)) return [];
        return
        [
            .. Directory.EnumerateDirectories(root).Select(Path.GetFileName).Order(StringComparer.Ordinal)
                .Where(EntityName.IsValid).Select(n => Read(n!)).OfType<InstanceRecord>(),
        ];
    }

    /// <summary>Makes the folder; what guests have on disks and consoles is nobody else's business.</summary>
    public void Prepare(string name) => Directory.CreateDirectory(Folder(name).Root,
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    public InstanceRecord Write(InstanceRecord record)
    {
        Prepare(record.Name);
        DurableFile.Write(Path.Combine(Folder(record.Name).Root, RecordFile),
            JsonSerializer.SerializeToUtf8Bytes(record, ContractJson.Indented));
        return record;
    }

    public void Delete(string name)
    {
        var folder = Folder(name).Root;
        // The record goes last: a delete that was cut short is repeated, not forgotten.
        if (!Directory.Exists(folder)) return;
        foreach (var inner in Directory.EnumerateDirectories(folder)) Directory.Delete(inner, recursive: true);
        foreach (var file in Directory.EnumerateFiles(folder).Where(f => Path.GetFileName(f) != RecordFile))
            File.Delete(file);
        Directory.Delete(folder, recursive: true);
    }
}
