// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Tests.Journaling;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Tests.Volumes.Files;

public sealed class FileStorageConformance : StorageConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    protected override IStorage Open() => new FileStorage(_directory.Path);

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("../x")]
    [InlineData("a/b")]
    public async Task Names_cannot_leave_the_directory(string name) =>
        await Assert.ThrowsAsync<ArgumentException>(async () => await Open().OpenAsync(name, true, default));

    [Fact]
    public async Task A_full_device_is_full()
    {
        var link = _directory["full"];
        System.IO.File.CreateSymbolicLink(link, "/dev/full");
        await using var file = await Open().OpenAsync("full", create: false, default);
        var failure = await Assert.ThrowsAsync<StorageException>(
            async () => await file.WriteAsync(0, new byte[1], default));
        Assert.Equal(StorageFault.Full, failure.Fault);
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_said()
    {
        System.IO.File.WriteAllText(_directory["file"], "");
        Assert.Throws<StorageException>(() => new FileStorage(Path.Combine(_directory["file"], "under")));
    }

    public void Dispose() => _directory.Dispose();
}
