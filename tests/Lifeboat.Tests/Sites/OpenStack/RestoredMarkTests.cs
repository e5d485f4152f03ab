// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Backups;
using Lifeboat.Sites.OpenStack.BlockStorage;

namespace Lifeboat.Tests.Sites.OpenStack;

public sealed class RestoredMarkTests
{
    private static readonly Dictionary<string, string> Marks = new()
    {
        ["lifeboat-group"] = "books",
        ["lifeboat-group-volume"] = "books.data",
        ["lifeboat-group-epoch"] = "2",
        ["lifeboat-restored-by"] = "run-1",
        ["lifeboat-restored"] = "first",
    };

    [Fact]
    public void A_mark_counts_on_the_volume_that_it_was_written_on()
    {
        Assert.Equal(new RestoredMark("books", "books.data", 2, "run-1", Whole: true),
            VolumeRestores.MarkOf(Volume("first", null)));
        // A clone, a user's own restore: metadata comes along.
        Assert.Null(VolumeRestores.MarkOf(Volume("second", "somebody's")));
        Assert.Null(VolumeRestores.MarkOf(new CinderVolume("third", 1, "available")));
    }

    [Fact]
    public void Until_a_volume_is_whole_its_description_says_whose_it_is_whatever_the_restore_brought_along() =>
        Assert.Equal(new RestoredMark("acme_books", "books.data", null, "run-2", Whole: false),
            VolumeRestores.MarkOf(Volume("second", "Restored by Lifeboat: run-2 acme_books books.data none")));

    private static CinderVolume Volume(string id, string? description) =>
        new(id, 1, "available", Description: description, Metadata: Marks);
}
