// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Quiescing;
using Lifeboat.Tests.Tidy;

namespace Lifeboat.Tests.Quiescing.FlagFile;

/// <summary>The provider that docs/vendors shows in full: what is printed there is compiled and tried here.</summary>
public sealed class FlagFileConformance : QuiesceProviderConformance, IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-flag").FullName;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _application;

    public FlagFileConformance()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_directory, "quiesce", "db1")).FullName;
        var identity = Path.Combine(folder, "shared.json");
        File.WriteAllText(identity, $$"""{"folder": "{{_directory}}"}""");
        File.SetUnixFileMode(identity, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _application = ApplicationAsync();
    }

    protected override IQuiesceProvider Open(IReadOnlyDictionary<string, string> added) =>
        QuiesceProviders().Open("flag-file", new QuiesceTarget("db1", null, _directory, TimeProvider.System)
        {
            Settings = Join(added, ("identity", "shared")),
        });

    [Fact]
    public void The_page_for_vendors_shows_the_code_that_is_tried_here_in_under_100_lines()
    {
        var code = File.ReadAllLines(Path.Combine(SourceTree.Root,
            "tests/Lifeboat.Tests/Quiescing/FlagFile/FlagFile.cs"));
        var page = File.ReadAllLines(Path.Combine(SourceTree.Root, "docs/vendors/quiesce-provider.md"));
        var shown = page.SkipWhile(l => l != "```csharp").Skip(1).TakeWhile(l => l != "```");
        Assert.Equal(code, shown);
        Assert.InRange(code.Length, 1, 99);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _application;
        Directory.Delete(_directory, recursive: true);
    }

    // Shipped ones are found in Lifeboat.Quiescing; a test brings its own assembly.
    private static QuiesceProviders QuiesceProviders() =>
        new(typeof(QuiesceProviders).Assembly, typeof(Lifeboat.Samples.FlagFile.FlagFile).Assembly);

    private async Task ApplicationAsync()
    {
        var (rest, resting) = (Path.Combine(_directory, "rest"), Path.Combine(_directory, "resting"));
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (!File.Exists(rest)) File.Delete(resting);
                else if (!File.Exists(resting) || File.ReadAllText(resting) != File.ReadAllText(rest))
                {
                    // Moved there whole: .NET locks what it copies to, and a provider that looks just then is refused.
                    File.Copy(rest, resting + ".new", overwrite: true);
                    File.Move(resting + ".new", resting, overwrite: true);
                }
            }
            catch (FileNotFoundException)
            {
                // Taken away just now.
            }
            await Task.Delay(TimeSpan.FromMilliseconds(5), _stop.Token).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
