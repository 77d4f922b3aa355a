"""A campaign says when its tallies are still along an older tree."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows", "0002_trees_never_change")]
    operations = [
        migrations.AddField(
            model_name="workflow",
            name="is_tallied",
            field=models.BooleanField(
                default=True, help_text="False: tallies along an older tree wait to be recounted."
            ),
        )
    ]
