// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
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
        var folder = Path.Combine(root, name);
        return new InstanceFolder(folder, folder);
    }

    public InstanceFolder Folder(InstanceRecord record) => Folder(record.Name, record.Host);

    public InstanceFolder Folder(string name, string? host)
    {
        var folder = Folder(name);
        // Hosts cannot have a dot in their names, nor can anything else in the folder begin with it.
        return host is null or AgentConfiguration.DefaultHost ? folder
            : folder with { Seat = Path.Combine(folder.Root, "at." + host) };
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
    public void Prepare(InstanceFolder folder)
    {
        foreach (var path in new[] { folder.Root, folder.Seat })
            Directory.CreateDirectory(path,
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public InstanceRecord Write(InstanceRecord record)
    {
        Prepare(Folder(record));
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
